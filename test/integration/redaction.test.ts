/** --redact-headers: what passes is not touched, and what is written down of it does not tell. */
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/poll.ts';
import { ADMIN, newFolder, ProxyProcess, staticCluster } from '../support/proxy.ts';

const TYPE = 'type.googleapis.com/envoy';
const STDOUT = `${TYPE}.extensions.access_loggers.stream.v3.StdoutAccessLog`;
const SECRET = 'Bearer-of-the-secret';

let proxy: ProxyProcess;
let upstream: http.Server;
let spans = '';
let arrived: http.IncomingHttpHeaders = {};
const folder = newFolder();

beforeAll(async () => {
  upstream = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.url === '/api/v2/spans') spans += body;
      else arrived = request.headers;
      response.writeHead(request.url === '/api/v2/spans' ? 202 : 200, { 'set-cookie': `id=${SECRET}` });
      response.end('answer');
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  const tap = `{name: tap, typed_config: {"@type": ${TYPE}.extensions.filters.http.tap.v3.Tap, common_config: {static_config: {match: {any_match: true}, output_config: {sinks: [{format: JSON_BODY_AS_STRING, file_per_tap: {path_prefix: ${join(folder, 'tap')}}}]}}}}}`;
  const logs = `[{name: a, typed_config: {"@type": ${STDOUT}, log_format: {text_format_source: {inline_string: "text %REQ(AUTHORIZATION)% %REQ(X-NONE?AUTHORIZATION)% %REQ(COOKIE)% %RESP(SET-COOKIE)% %REQ(X-OPEN)%\\n"}}}}, {name: b, typed_config: {"@type": ${STDOUT}, log_format: {json_format: {own: "%REQ(AUTHORIZATION)%", part: "of %REQ(AUTHORIZATION):4%"}}}}]`;
  const tracing = `{provider: {name: z, typed_config: {"@type": ${TYPE}.config.trace.v3.ZipkinConfig, collector_cluster: up, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON}}, custom_tags: [{tag: own, request_header: {name: authorization}}, {tag: made, value: "by %REQ(authorization)%"}, {tag: open, request_header: {name: x-open}}]}`;
  proxy = await ProxyProcess.start(
    `${ADMIN}layered_runtime: {layers: [{name: s, static_layer: {tracing.zipkin.min_flush_spans: 1}}]}
static_resources:
  listeners: [{name: front, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: h, typed_config: {"@type": ${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: front, access_log: ${logs}, tracing: ${tracing}, route_config: {virtual_hosts: [{name: v, domains: ["*"], request_headers_to_add: [{header: {key: x-copy, value: "%REQ(AUTHORIZATION)%"}}], routes: [{match: {prefix: /}, route: {cluster: up}}]}]}, http_filters: [${tap}, {name: r, typed_config: {"@type": ${TYPE}.extensions.filters.http.router.v3.Router}}]}}]}]}]
  clusters: [${staticCluster('up', port)}]
`,
    { args: ['--redact-headers', 'Authorization, set-cookie', '-l', 'trace'] },
  );
});

afterAll(async () => {
  await proxy.stop();
  upstream.closeAllConnections();
  upstream.close();
});

test('logs, spans and taps do not tell what upstream and client get', async () => {
  const port = await proxy.port('front');
  const headers = { authorization: SECRET, 'x-open': 'open' };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', agent: false, headers }, (response) => resolve(response.resume())).on('error', reject);
  });
  expect(answer.headers['set-cookie']).toEqual([`id=${SECRET}`]);
  expect(arrived).toMatchObject({ authorization: SECRET, 'x-copy': SECRET, 'x-open': 'open' });

  const taps = () => readdirSync(folder).filter((name) => name.startsWith('tap'));
  const tapped = await until('everything is written', () => {
    const text =
      taps().length === 1 && spans !== '' && proxy.stdout.split('\n').length > 2 && readFileSync(join(folder, taps()[0]!), 'utf8');
    return text !== false && text.includes('"open"') && text;
  });
  expect(proxy.stdout).toContain('text [redacted] [redacted] - [redacted] open\n');
  expect(proxy.stdout).toContain('{"own":"[redacted]","part":"of [red"}');
  const { tags } = (JSON.parse(spans) as { tags: Record<string, string> }[])[0]!;
  expect(tags).toMatchObject({ own: '[redacted]', made: 'by [redacted]', open: 'open' });
  expect(tapped).toContain('"[redacted]"');
  // x-copy is another header, which nobody has named.
  for (const text of [proxy.stdout, proxy.stderr, spans, tapped.replace(/"x-copy",\s*"value": "[^"]*"/, '')])
    expect(text).not.toContain(SECRET);
});

test('a name that no header can have is refused', async () => {
  const { code, stderr } = await ProxyProcess.run(['-c', 'none.yaml', '--redact-headers', 'authorization;cookie']);
  expect(code).toBe(2);
  expect(stderr).toContain("'authorization;cookie' is not the name of a header");
});
