/**
 * An application on node:http that asks another one through its sidecar, and keeps the trace together. Express has the same `request.headers`.
 *   node node-http.ts 8081 http://127.0.0.1:15001/
 */
import http from 'node:http';
import { traceHeaders } from './trace-headers.ts';

export function startApplication(port: number, next: string): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    http
      .get(next, { headers: traceHeaders(request.headers) }, (answer) => {
        response.statusCode = answer.statusCode ?? 502;
        answer.pipe(response);
      })
      .on('error', () => {
        response.statusCode = 502;
        response.end();
      });
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

if (process.argv[1] === import.meta.filename) await startApplication(Number(process.argv[2]), process.argv[3]!);
