/** An HTTP/2 server without TLS: PORT. Answers everything with 100 bytes. */
import http2 from 'node:http2';

const body = Buffer.alloc(100, 'x');
const server = http2.createServer();
server.on('stream', (stream) => {
  stream.on('error', () => undefined);
  (stream as http2.ServerHttp2Stream).respond({ ':status': 200, 'content-type': 'text/plain', 'content-length': body.length });
  stream.end(body);
});
server.listen(Number(process.argv[2]), '127.0.0.1');
