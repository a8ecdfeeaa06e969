/** fastify with `@fastify/reply-from`, bodies passed through unparsed: PORT UPSTREAM. */
import replyFrom from '@fastify/reply-from';
import Fastify from 'fastify';

const [port, upstream] = process.argv.slice(2).map(Number);
const app = Fastify({ keepAliveTimeout: 3_600_000 });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
await app.register(replyFrom, { base: `http://127.0.0.1:${upstream}`, undici: { connections: 128, pipelining: 1 } });
app.all('/*', (_request, reply) => reply.from());
await app.listen({ port: port as number, host: '127.0.0.1' });
