/** A small, fast HTTP server for machines without nginx: PORT. Answers by path, discards bodies. */
import net from 'node:net';

const port = Number(process.argv[2]);
const answer = (size: number): Buffer =>
  Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${size}\r\n\r\n${'x'.repeat(size)}`, 'latin1');
const small = answer(100);
const answers: readonly (readonly [string, Buffer])[] = [
  [' /10k ', answer(10 * 1024)],
  [' /1m ', answer(1024 * 1024)],
];

net
  .createServer({ noDelay: true }, (socket) => {
    let pending = '';
    let body = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      for (;;) {
        if (body > 0) {
          const take = Math.min(body, pending.length);
          body -= take;
          pending = pending.slice(take);
          if (body > 0) return;
        }
        const end = pending.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = pending.slice(0, end);
        pending = pending.slice(end + 4);
        const length = head.toLowerCase().indexOf('\r\ncontent-length:');
        body = length < 0 ? 0 : Number.parseInt(head.slice(length + 17), 10);
        socket.write(answers.find(([path]) => head.includes(path))?.[1] ?? small);
      }
    });
  })
  .listen(port, '127.0.0.1');
