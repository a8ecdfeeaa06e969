/** `http-proxy` with keep-alive connections to the upstream: PORT UPSTREAM. */
import http from 'node:http';
import { createRequire } from 'node:module';

const [port, upstream] = process.argv.slice(2).map(Number);
const httpProxy = createRequire(import.meta.url)('http-proxy');
const agent = new http.Agent({ keepAlive: true, maxSockets: 128 });
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${upstream}`, agent, xfwd: true });
proxy.on('error', (_error: Error, _request: http.IncomingMessage, response: http.ServerResponse) => response.destroy());
http.createServer({ keepAliveTimeout: 3_600_000 }, (request, response) => proxy.web(request, response)).listen(port, '127.0.0.1');
