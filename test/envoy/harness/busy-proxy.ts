/** A proxy with a bit of everything that has statistics, and traffic that moves them: TLS, HTTP/2, TCP, retries, timeouts, limits, health checks, dynamic resources. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { call } from '../../support/http-call.ts';
import { until } from '../../support/poll.ts';
import { freePort } from '../../support/ports.ts';
import { Http2Upstream } from './http2-upstream.ts';
import { ProxyUnderTest } from './proxy-under-test.ts';
import { tlsFixture } from './tls-fixture.ts';

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
                    - {match: {prefix: /app}, route: {cluster: app, timeout: 30s, retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: {base_interval: 0.001s}}}}
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

export class BusyProxy {
  readonly proxy: ProxyUnderTest;
  readonly #ports: Ports;
  readonly #modern: Http2Upstream;
  readonly #close: () => Promise<void>;

  private constructor(proxy: ProxyUnderTest, ports: Ports, modern: Http2Upstream, close: () => Promise<void>) {
    this.proxy = proxy;
    this.#ports = ports;
    this.#modern = modern;
    this.#close = close;
  }

  static async start(binary: string): Promise<BusyProxy> {
    const app = http.createServer((request, response) => {
      if (request.url === '/slow') return;
      response.statusCode = Number(request.headers['x-status'] ?? 200);
      response.end('hello');
    });
    const echo = net.createServer((socket) => socket.on('error', () => undefined).pipe(socket));
    const modern = new Http2Upstream('modern');
    const directory = await mkdtemp(join(tmpdir(), 'outrider-busy-'));
    const close = async () => {
      app.closeAllConnections();
      app.close();
      echo.close();
      await modern.close();
      await rm(directory, { recursive: true, force: true });
    };
    try {
      const ports: Record<string, number> = { app: await portOf(app), echo: await portOf(echo), modern: await modern.listen() };
      for (const name of ['admin', 'web', 'secure', 'wire', 'dead']) ports[name] = await freePort();
      await writeFile(join(directory, 'bootstrap.yaml'), bootstrap(ports, directory));
      await writeFile(join(directory, 'lds.yaml'), listeners(ports, directory));
      await writeFile(join(directory, 'cds.yaml'), clusters(ports));
      const proxy = await ProxyUnderTest.start(binary, join(directory, 'bootstrap.yaml'), ports['admin']!);
      return new BusyProxy(proxy, ports, modern, close);
    } catch (error) {
      await close();
      throw error;
    }
  }

  get adminPort(): number {
    return this.#ports['admin']!;
  }

  /** The same each time, one request after the other. @throws if an answer is not what it has to be */
  async traffic(): Promise<void> {
    this.#modern.prepare([{ status: 200, body: 'modern' }]);
    await send(this.#ports);
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await this.#close();
  }
}

async function portOf(server: net.Server | http.Server): Promise<number> {
  await new Promise<void>((resolve) => (server as net.Server).listen(0, '127.0.0.1', () => resolve()));
  return (server.address() as net.AddressInfo).port;
}

async function send(ports: Ports): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const get = async (path: string, expected: number, asked?: number) => {
    const { status } = await call(ports['web']!, path, agent, asked === undefined ? {} : { 'x-status': String(asked) });
    if (status !== expected) throw new Error(`${path}: ${status} instead of ${expected}`);
  };
  for (let i = 0; i < 3; i++) await get('/app', 200);
  await get('/app', 404, 404);
  await get('/app', 503, 503);
  await get('/slow', 504);
  await get('/dead', 503);
  await get('/full', 503);
  await get('/gone', 503);
  await get('/none', 404);
  await get('/moved', 301);
  await get('/here', 200);
  await get('/modern', 200);
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
