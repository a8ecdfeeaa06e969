/**
 * The same as a Fastify application: the headers are copied once, in a hook, for all of its routes.
 *   node fastify.ts 8081 http://127.0.0.1:15001/
 */
import type http from 'node:http';
import Fastify from 'fastify';
import { traceHeaders } from './trace-headers.ts';

export async function startApplication(port: number, next: string): Promise<http.Server> {
  const app = Fastify();
  const traces = new WeakMap<object, Record<string, string>>();
  app.addHook('onRequest', async (request) => {
    traces.set(request, traceHeaders(request.headers));
  });
  app.get('/', async (request, reply) => {
    const answer = await fetch(next, { headers: traces.get(request)! });
    reply.code(answer.status);
    return answer.text();
  });
  await app.listen({ host: '127.0.0.1', port });
  return app.server;
}

if (process.argv[1] === import.meta.filename) await startApplication(Number(process.argv[2]), process.argv[3]!);
