/** An HTTP/2 server without TLS: PORT. Answers gRPC with the message that it got, and everything else with 100 bytes. */
import http2 from 'node:http2';

const body = Buffer.alloc(100, 'x');
const server = http2.createServer();
const OK = { 'grpc-status': '0' };

/** A unary call: one message each way, and the status in trailers. */
function serveCall(stream: http2.ServerHttp2Stream): void {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('wantTrailers', () => stream.sendTrailers(OK));
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.end(Buffer.concat(parts));
  });
}

server.on('stream', (stream, headers) => {
  stream.on('error', () => undefined);
  if (headers['content-type'] === 'application/grpc') {
    serveCall(stream as http2.ServerHttp2Stream);
    return;
  }
  (stream as http2.ServerHttp2Stream).respond({ ':status': 200, 'content-type': 'text/plain', 'content-length': body.length });
  stream.end(body);
});
server.listen(Number(process.argv[2]), '127.0.0.1');
