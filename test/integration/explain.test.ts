/** What `POST /explain` says of a request is what the request then gets: 1,000 of them, of all kinds, through the running proxy. */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../src/runtime/random.ts';
import type { Explanation } from '../../src/server/explain/explanation.ts';
import { HeldUpstream } from '../support/held-upstream.ts';
import { call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { ADMIN, httpListener, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';
import { type RandomRequest, RandomRoutes } from '../support/random-routes.ts';

const SEED = 20_260_101;
const REQUESTS = 1000;
const CLUSTERS = Array.from({ length: 8 }, (_, i) => `c${i}`);
const LISTENERS: Readonly<Record<string, string>> = {
  plain: '',
  edge: `use_remote_address: true
          normalize_path: true
          merge_slashes: true
          strip_any_host_port: true
          add_user_agent: true
          path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT
          internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}`,
  inner: `path_with_escaped_slashes_action: REJECT_REQUEST
          strip_trailing_host_dot: true
          generate_request_id: false
          internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}
          upgrade_configs: [{upgrade_type: websocket}]`,
};

const random = seededRandom(SEED);
const routes = new RandomRoutes(random, CLUSTERS);
const upstreams: Server[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
let proxy: ProxyProcess;
let ports: ReadonlyMap<string, number>;

/** What an upstream has seen, as its answer says it. */
interface Seen {
  readonly cluster: string;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly seen: Seen | null;
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1]!] as [string, string]] : []));
}

async function startUpstream(cluster: string): Promise<string> {
  const server = createServer((req, res) => {
    const seen: Seen = { cluster, method: req.method!, path: req.url!, headers: pairs(req.rawHeaders) };
    // In a header: a response to HEAD has no body.
    res.writeHead(200, { 'x-seen': Buffer.from(JSON.stringify(seen)).toString('base64') }).end();
  });
  server.on('upgrade', (req, socket) => {
    const seen: Seen = { cluster, method: req.method!, path: req.url!, headers: pairs(req.rawHeaders) };
    const text = Buffer.from(JSON.stringify(seen)).toString('base64');
    socket.on('error', () => undefined);
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-seen: ${text}\r\n\r\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  upstreams.push(server);
  const port = (server.address() as { port: number }).port;
  const endpoint = `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}`;
  return `{name: ${cluster}, load_assignment: {cluster_name: ${cluster}, endpoints: [{lb_endpoints: [${endpoint}]}]}}`;
}

beforeAll(async () => {
  const clusters = await Promise.all(CLUSTERS.map(startUpstream));
  const listeners = Object.entries(LISTENERS).map(
    ([name, options]) => `
  - name: ${name}
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ${name}
          ${options}
          route_config: {name: ${name}, validate_clusters: false, virtual_hosts: ${routes.virtualHosts(name, 14)}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}`,
  );
  const bootstrap = `${ADMIN}static_resources:\n  listeners:${listeners.join('')}\n  clusters: [${clusters.join(', ')}]\n`;
  proxy = await ProxyProcess.start(bootstrap, { args: ['-l', 'error'] });
  ports = await proxy.ports();
});

afterAll(async () => {
  agent.destroy();
  await proxy?.stop();
  for (const upstream of upstreams) {
    upstream.closeAllConnections();
    upstream.close();
  }
});

function send(wanted: RandomRequest): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = [['host', wanted.authority], ...wanted.headers].flat();
    const { method, path } = wanted;
    const req = request({ agent, host: '127.0.0.1', port: ports.get(wanted.listener), method, path, headers, setHost: false });
    const done = (res: IncomingMessage) => {
      const text = res.headers['x-seen'];
      const seen = typeof text === 'string' ? (JSON.parse(Buffer.from(text, 'base64').toString()) as Seen) : null;
      resolve({ status: res.statusCode!, headers: res.headers, seen });
    };
    req.on('response', (res) => res.resume().on('end', () => done(res)));
    req.on('upgrade', (res, socket) => {
      socket.destroy();
      done(res);
    });
    req.on('error', reject).end();
  });
}

async function explain(questions: readonly RandomRequest[]): Promise<Explanation[]> {
  const body = questions.map(({ listener, ...rest }) => ({ ...rest, destination: `127.0.0.1:${ports.get(listener)}` }));
  const answer = await fetch(`http://${proxy.adminAddress}/explain`, { method: 'POST', body: JSON.stringify(body) });
  return (await answer.json()) as Explanation[];
}

/** Ids are random; what the codec writes about the connection and the body is not the route's doing. */
const LEFT_OUT = new Set(['x-request-id', 'host', 'connection', 'content-length', 'transfer-encoding', 'upgrade']);

function comparable(headers: readonly (readonly [string, string])[]): string[] {
  return headers
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => `${name}: ${value}`)
    .sort();
}

/** Everything in which the explanation differs from what happened. */
function differences(told: Explanation, reply: Reply): string[] {
  const wrong: string[] = [];
  const same = (what: string, said: unknown, real: unknown) => {
    if (JSON.stringify(said) !== JSON.stringify(real)) wrong.push(`${what}: said ${JSON.stringify(said)}, was ${JSON.stringify(real)}`);
  };
  const { outcome, route, cluster } = told;
  same('route', route === null || route.redirected_to_tls || route.index < 0 ? '' : route.name, reply.headers['x-route'] ?? '');
  if (outcome.kind === 'reply') {
    same('status', outcome.status, reply.status);
    same('location', outcome.location, reply.headers.location ?? '');
    same('seen upstream', null, reply.seen);
    return wrong;
  }
  same('outcome', outcome.kind, 'forward');
  if (outcome.kind !== 'forward' || reply.seen === null) return [...wrong, `forwarded to nobody: ${reply.status}`];
  const { seen } = reply;
  const weighted = route!.weighted_clusters;
  if (weighted !== null && weighted.chosen_by === 'random') {
    const possible = weighted.clusters.filter(({ percent }) => percent > 0).map(({ name }) => name);
    if (!possible.includes(seen.cluster)) wrong.push(`cluster: said one of ${possible.join()}, was ${seen.cluster}`);
  } else same('cluster', outcome.cluster, seen.cluster);
  const upstream = cluster!.upstream_request!;
  same('method', upstream.method, seen.method);
  same('path', upstream.path, seen.path);
  same('authority', upstream.authority, seen.headers.find(([name]) => name === 'host')?.[1]);
  same('headers', comparable(upstream.headers), comparable(seen.headers));
  return wrong;
}

test(`${REQUESTS} random requests get what was explained`, async () => {
  const requests = Array.from({ length: REQUESTS }, () => routes.request(Object.keys(LISTENERS)));
  const outcomes = new Map<string, number>();
  const wrong: string[] = [];
  for (let start = 0; start < REQUESTS; start += 100) {
    const batch = requests.slice(start, start + 100);
    const told = await explain(batch);
    expect(told).toHaveLength(batch.length);
    const replies = await Promise.all(batch.map(send));
    batch.forEach((wanted, i) => {
      const { outcome } = told[i]!;
      const kind = outcome.kind === 'reply' ? `${outcome.status} ${outcome.response_code_details}` : outcome.kind;
      outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
      const found = differences(told[i]!, replies[i]!);
      if (found.length > 0) wrong.push(`${JSON.stringify(wanted)}\n  ${found.join('\n  ')}`);
    });
  }
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(wrong).toHaveLength(0);
  // The requests have to be of many kinds, or the test says little.
  expect(outcomes.get('forward')).toBeGreaterThan(300);
  for (const kind of [
    '404 route_not_found',
    '404 cluster_not_found',
    '400 path_normalization_failed',
    '307 path_normalization_failed',
    '403 upgrade_failed',
    '301 direct_response',
    '418 direct_response',
  ])
    expect(outcomes.get(kind), kind).toBeGreaterThan(0);
}, 240_000);

test('explaining leaves no trace in statistics', async () => {
  const counted = () => proxy.stats('^(http\\.(plain|edge|inner)|cluster\\.c)\\..*_rq_');
  const before = await counted();
  expect(before.get('http.edge.downstream_rq_total')).toBeGreaterThan(100);
  await explain(Array.from({ length: 50 }, () => routes.request(Object.keys(LISTENERS))));
  expect(await counted()).toEqual(before);
});

test('the running proxy knows what is in flight', async () => {
  const upstream = await HeldUpstream.start();
  const bootstrap = `${ADMIN}static_resources: {listeners: [${httpListener('edge', routeTo('held'))}], clusters: [${staticCluster('held', upstream.port)}]}\n`;
  const busy = await ProxyProcess.start(bootstrap, { args: ['-l', 'error', '--concurrency', '2'] });
  try {
    const ask = async (): Promise<Explanation> => {
      const answer = await fetch(`http://${busy.adminAddress}/explain?authority=a&path=/`, { method: 'POST' });
      return (await answer.json()) as Explanation;
    };
    expect((await ask()).cluster!.hosts).toMatchObject([{ health: 'healthy', rq_active: 0 }]);
    const port = await busy.port('edge');
    const held = [call(port, '/hold'), call(port, '/hold')];
    await until('both requests wait upstream', () => upstream.held === 2);
    const { cluster } = await ask();
    expect(cluster!.hosts).toMatchObject([{ address: `127.0.0.1:${upstream.port}`, rq_active: 2 }]);
    expect(cluster!.circuit_breakers.find(({ name }) => name === 'max_requests')).toEqual({ name: 'max_requests', in_use: 2, limit: 1024 });
    upstream.letGo();
    await Promise.all(held);
    const text = await fetch(`http://${busy.adminAddress}/explain?request=GET%20http://a/&format=text`, { method: 'POST' });
    expect(await text.text()).toContain("→ forwarded to cluster 'held'");
    expect((await fetch(`http://${busy.adminAddress}/explain?authority=a`)).status).toBe(405);
    expect((await fetch(`http://${busy.adminAddress}/explain?listener=none`, { method: 'POST' })).status).toBe(400);
  } finally {
    await busy.stop();
    upstream.stop();
  }
});
