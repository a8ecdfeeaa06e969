/** The statistics that dashboards live on: one scripted traffic through Envoy and Outrider, then every name, label and counter of both. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { call } from '../support/http-call.ts';
import { findOutrider } from '../support/outrider.ts';
import { until } from '../support/poll.ts';
import { requireTool } from '../support/tool.ts';
import { DASHBOARD_STATISTICS } from './harness/dashboard-statistics.ts';
import { Http2Upstream } from './harness/http2-upstream.ts';
import { freePort } from './harness/ports.ts';
import { ProxyUnderTest } from './harness/proxy-under-test.ts';
import { tlsFixture } from './harness/tls-fixture.ts';

const T = 'type.googleapis.com/';
const ROUTER = `{name: router, typed_config: {"@type": ${T}envoy.extensions.filters.http.router.v3.Router}}`;
const LIMIT = `{name: limit, typed_config: {"@type": ${T}envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: limiter, token_bucket: {max_tokens: 10000, fill_interval: 1s}, filter_enabled: {default_value: {numerator: 100}}, filter_enforced: {default_value: {numerator: 100}}}}`;

interface Ports {
  readonly [name: string]: number;
}

function listeners(ports: Ports, directory: string): string {
  const { path } = tlsFixture();
  const log = `access_log: [{name: file, typed_config: {"@type": ${T}envoy.extensions.access_loggers.file.v3.FileAccessLog, path: ${join(directory, 'access.log')}}}]`;
  const hcm = (prefix: string) => `
        - name: hcm
          typed_config:
            "@type": ${T}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
            stat_prefix: ${prefix}
            ${log}
            tracing: {random_sampling: {value: 0}}
            route_config:
              virtual_hosts:
                - name: shop
                  domains: ["*"]
                  virtual_clusters: [{name: reads, headers: [{name: ":method", string_match: {exact: GET}}]}]
                  routes:
                    - {match: {prefix: /app}, route: {cluster: app, timeout: 2s, retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: {base_interval: 0.001s}}}}
                    - {match: {prefix: /slow}, route: {cluster: app, timeout: 0.1s}}
                    - {match: {prefix: /full}, route: {cluster: full}}
                    - {match: {prefix: /dead}, route: {cluster: dead}}
                    - {match: {prefix: /modern}, route: {cluster: modern}}
                    - {match: {prefix: /gone}, route: {cluster: nowhere}}
                    - {match: {prefix: /moved}, redirect: {path_redirect: /app}}
                    - {match: {prefix: /here}, direct_response: {status: 200, body: {inline_string: here}}}
              validate_clusters: false
            http_filters: [${LIMIT}, ${ROUTER}]`;
  const socket = `transport_socket: {name: tls, typed_config: {"@type": ${T}envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: {filename: ${path('b.pem')}}, private_key: {filename: ${path('b.key')}}}]}}}`;
  const listener = (name: string, port: number, chain: string) => `
- "@type": ${T}envoy.config.listener.v3.Listener
  name: ${name}
  stat_prefix: ${name}
  address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}
  filter_chains:
    - filters:${chain}`;
  const tcp = `
        - {name: tcp, typed_config: {"@type": ${T}envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: plain, cluster: echo}}`;
  return `resources:${listener('web', ports['web']!, hcm('ingress'))}${listener('secure', ports['secure']!, hcm('secured'))}
      ${socket}${listener('wire', ports['wire']!, tcp)}
`;
}

function clusters(ports: Ports): string {
  const cluster = (name: string, port: string, more = '') => `
- "@type": ${T}envoy.config.cluster.v3.Cluster
  name: ${name}
  type: STATIC
  load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${ports[port]}}}}}]}]}
${more}`;
  const http2 = `  typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${T}envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}`;
  const secured = `  transport_socket: {name: tls, typed_config: {"@type": ${T}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}`;
  return `resources:${cluster(
    'app',
    'app',
    `  outlier_detection: {consecutive_5xx: 100, interval: 3600s}
  health_checks: [{timeout: 1s, interval: 3600s, no_traffic_interval: 3600s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /healthy}}]
  circuit_breakers: {thresholds: [{track_remaining: true}]}`,
  )}${cluster('full', 'app', '  circuit_breakers: {thresholds: [{max_pending_requests: 0, max_connections: 0}]}')}${cluster('dead', 'dead')}${cluster('modern', 'modern', http2)}${cluster('echo', 'echo')}${cluster('private', 'app', secured)}
`;
}

const bootstrap = (ports: Ports, directory: string) => `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: ${ports['admin']}}}}
node: {id: me, cluster: mine}
stats_flush_interval: 0.2s
layered_runtime: {layers: [{name: static, static_layer: {a: {b: 1}}}, {name: admin, admin_layer: {}}]}
dynamic_resources:
  lds_config: {path_config_source: {path: ${join(directory, 'lds.yaml')}}}
  cds_config: {path_config_source: {path: ${join(directory, 'cds.yaml')}}}
`;

/** One metric: its type, and values by labels. */
interface Metric {
  readonly type: string;
  readonly values: Map<string, string>;
}

async function measure(binary: string): Promise<Map<string, Metric>> {
  const app = http.createServer((request, response) => {
    if (request.url === '/slow') return;
    response.statusCode = Number(request.headers['x-status'] ?? 200);
    response.end('hello');
  });
  const echo = net.createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  const modern = new Http2Upstream('modern');
  const directory = await mkdtemp(join(tmpdir(), 'outrider-dashboards-'));
  const portOf = async (server: net.Server | http.Server) => {
    await new Promise<void>((resolve) => (server as net.Server).listen(0, '127.0.0.1', () => resolve()));
    return (server.address() as net.AddressInfo).port;
  };
  try {
    const ports: Record<string, number> = { app: await portOf(app), echo: await portOf(echo), modern: await modern.listen() };
    for (const name of ['admin', 'web', 'secure', 'wire', 'dead']) ports[name] = await freePort();
    modern.prepare([{ status: 200, body: 'modern' }]);
    await writeFile(join(directory, 'bootstrap.yaml'), bootstrap(ports, directory));
    await writeFile(join(directory, 'lds.yaml'), listeners(ports, directory));
    await writeFile(join(directory, 'cds.yaml'), clusters(ports));
    const proxy = await ProxyUnderTest.start(binary, join(directory, 'bootstrap.yaml'), ports['admin']!);
    try {
      const read = async () => parse((await proxy.admin('/stats/prometheus')).body);
      await until('a first health check', async () => value(await read(), 'envoy_cluster_health_check_success', 'app') === 1);
      await traffic(ports);
      const settled = await until('everything counted', async () => {
        const before = await read();
        await new Promise((resolve) => setTimeout(resolve, 250));
        const after = await read();
        const still = ['envoy_http_downstream_rq_total', 'envoy_http_downstream_cx_destroy', 'envoy_filesystem_write_completed'];
        return still.every((name) => String([...before.get(name)!.values]) === String([...after.get(name)!.values])) && after;
      });
      return settled;
    } finally {
      await proxy.stop();
    }
  } finally {
    app.closeAllConnections();
    app.close();
    echo.close();
    await modern.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The same for both. */
async function traffic(ports: Ports): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const get = (path: string, status?: number) =>
    call(ports['web']!, path, agent, status === undefined ? {} : { 'x-status': String(status) });
  for (let i = 0; i < 3; i++) expect((await get('/app')).status).toBe(200);
  expect((await get('/app', 404)).status).toBe(404);
  expect((await get('/app', 503)).status).toBe(503);
  expect((await get('/slow')).status).toBe(504);
  expect((await get('/dead')).status).toBe(503);
  expect((await get('/full')).status).toBe(503);
  expect((await get('/gone')).status).toBe(503);
  expect((await get('/none')).status).toBe(404);
  expect((await get('/moved')).status).toBe(301);
  expect((await get('/here')).status).toBe(200);
  expect((await get('/modern')).status).toBe(200);
  agent.destroy();
  await exchange(net.connect(ports['web']!, '127.0.0.1'), 'nonsense\r\n\r\n', /400/);
  await exchange(net.connect(ports['wire']!, '127.0.0.1'), 'over the wire', /over the wire/);
  const secure = tls.connect({ port: ports['secure']!, host: '127.0.0.1', servername: 'b.test', rejectUnauthorized: false });
  await exchange(secure, 'GET /here HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', /here/);
}

async function exchange(socket: net.Socket, text: string, answer: RegExp): Promise<void> {
  let seen = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    seen += chunk.toString();
  });
  socket.write(text);
  await until(`an answer to ${JSON.stringify(text)}`, () => answer.test(seen));
  socket.end();
  await until('its end', () => socket.destroyed || socket.readableEnded);
  socket.destroy();
}

function parse(text: string): Map<string, Metric> {
  const metrics = new Map<string, Metric>();
  for (const line of text.split('\n')) {
    // What asking itself moves.
    if (line.includes('prefix="admin"')) continue;
    const declared = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (declared !== null) metrics.set(declared[1]!, { type: declared[2]!, values: new Map() });
    const sample = /^([a-zA-Z0-9_]+)\{(.*)\} (\S+)$/.exec(line);
    if (sample === null || line.startsWith('#')) continue;
    const [, name, labels, number] = sample as unknown as [string, string, string, string];
    const metric = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ''));
    if (metric !== undefined) metric.values.set(name + '{' + labels + '}', number);
  }
  return metrics;
}

function value(metrics: Map<string, Metric>, name: string, cluster: string): number {
  return Number(metrics.get(name)?.values.get(`${name}{envoy_cluster_name="${cluster}"}`));
}

/** Depends on time, on the number of bytes that a codec makes of something, or on the process itself. */
const VARYING =
  // Who closes first is a race here; other areas compare it. Envoy counts look-ups of names, and a request that it could not parse as not traceable.
  /destroy_(local|remote)$|stats_recent_lookups|not_traceable|cluster_updated$|_bytes_|_ms$|_time$|_duration$|uptime|memory_|version|initialization|_buffered|write_(completed|buffered)|flushed_by_timer|listener_admin|parent_connections|worker_downstream_cx_active|update_attempt|days_until/;

const envoy = requireTool('envoy');

describe('the names that dashboards ask for', () => {
  let ours: Map<string, Metric>;
  let theirs: Map<string, Metric> | null = null;
  beforeAll(async () => {
    ours = await measure(findOutrider());
    if (envoy !== null) theirs = await measure(envoy);
  }, 90_000);

  test('there are more than 200 of them, each once', () => {
    expect(DASHBOARD_STATISTICS.length).toBeGreaterThan(200);
    expect(new Set(DASHBOARD_STATISTICS).size).toBe(DASHBOARD_STATISTICS.length);
  });

  test('Outrider has them all', () => {
    expect(DASHBOARD_STATISTICS.filter((name) => !ours.has(name))).toEqual([]);
  });

  test('types are those of Prometheus that their names promise', () => {
    expect(ours.get('envoy_cluster_upstream_rq_time')?.type).toBe('histogram');
    expect(ours.get('envoy_cluster_upstream_rq_total')?.type).toBe('counter');
    expect(ours.get('envoy_cluster_membership_healthy')?.type).toBe('gauge');
  });

  test.skipIf(envoy === null)('the list names nothing that Envoy has not', () => {
    expect(DASHBOARD_STATISTICS.filter((name) => !theirs!.has(name))).toEqual([]);
  });

  test.skipIf(envoy === null)('labels and types are equal', () => {
    const shape = (metrics: Map<string, Metric>) =>
      DASHBOARD_STATISTICS.map((name) => `${name} ${metrics.get(name)?.type}\n${[...(metrics.get(name)?.values.keys() ?? [])].join('\n')}`);
    expect(shape(ours)).toEqual(shape(theirs!));
  });

  test.skipIf(envoy === null)('counters and gauges are equal', () => {
    const values = (metrics: Map<string, Metric>) =>
      DASHBOARD_STATISTICS.filter((name) => metrics.get(name)?.type !== 'histogram' && !VARYING.test(name)).flatMap((name) =>
        [...(metrics.get(name)?.values ?? [])].map(([labels, number]) => `${labels} ${number}`),
      );
    expect(values(ours)).toEqual(values(theirs!));
  });

  test.skipIf(envoy === null)('histograms have counted as much', () => {
    const counts = (metrics: Map<string, Metric>) =>
      DASHBOARD_STATISTICS.flatMap((name) =>
        [...(metrics.get(name)?.values ?? [])]
          .filter(([labels]) => labels.startsWith(`${name}_count{`) && !/admin|update_duration/.test(labels))
          .map(([labels, number]) => `${labels} ${number}`),
      );
    expect(counts(ours)).toEqual(counts(theirs!));
  });
});
