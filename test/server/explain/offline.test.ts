/** Explanations from a configuration alone. That they are true is shown by test/integration/explain.test.ts. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CompiledConfig } from '../../../src/server/compiled.ts';
import type { Explanation } from '../../../src/server/explain/explanation.ts';
import { type WholeConfig, withFiles } from '../../../src/server/explain/files.ts';
import { explainOffline } from '../../../src/server/explain/offline.ts';
import { questionFromJson } from '../../../src/server/explain/question.ts';
import { renderExplanation } from '../../../src/server/explain/render.ts';
import { type ConfigRequest, loadConfig } from '../../../src/server/load-config.ts';
import { endpoints, hcm, newFolder } from '../../support/proxy.ts';

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const TCP = (cluster: string) =>
  `{name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: ${cluster}}}`;
const address = (ip: string, port: number) => `address: {socket_address: {address: ${ip}, port_value: ${port}}}`;
const routes = (list: string) =>
  `route_config: {name: main, virtual_hosts: [{name: shop, domains: ["*.shop.test", shop.test], routes: [${list}]}]}`;

const BOOTSTRAP = `
node: {id: node-1, cluster: me}
static_resources:
  listeners:
  - name: edge
    ${address('0.0.0.0', 10000)}
    listener_filters: [{name: i, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}}]
    filter_chains:
    - {name: old, filter_chain_match: {application_protocols: [http/1.0]}, filters: [${TCP('pass')}]}
    - {name: local, filter_chain_match: {source_type: SAME_IP_OR_LOOPBACK, application_protocols: [http/1.1]}, filters: [${TCP('pass')}]}
    - name: web
      filter_chain_match: {application_protocols: [http/1.1]}
      filters:
      - ${hcm(
        `stat_prefix: edge, use_remote_address: true, normalize_path: true, merge_slashes: true, ${routes(`
          {name: admin, match: {prefix: /admin, headers: [{name: x-role, string_match: {exact: root}}]}, route: {cluster: up}},
          {name: slow, match: {prefix: /slow}, route: {cluster: up, timeout: 3s, priority: HIGH, retry_policy: {retry_on: "5xx,reset", num_retries: 2, per_try_timeout: 5s}}},
          {name: split, match: {prefix: /split}, route: {weighted_clusters: {clusters: [{name: up, weight: 30}, {name: named, weight: 70}]}}},
          {name: away, match: {prefix: /away}, redirect: {https_redirect: true}},
          {name: gone, match: {prefix: /gone}, route: {cluster_header: x-cluster}},
          {name: sick, match: {prefix: /sick}, route: {cluster: sick}},
          {name: eds, match: {prefix: /eds}, route: {cluster: eds}},
          {name: rest, match: {prefix: /}, route: {cluster: up, prefix_rewrite: /inner/}}`)}`,
      )}
  - name: mesh
    ${address('127.0.0.1', 15001)}
    use_original_dst: true
    filter_chains: [{filters: [${TCP('original')}]}]
  - name: port-80
    ${address('0.0.0.0', 80)}
    bind_to_port: false
    filter_chains:
    - filters:
      - ${hcm(
        `stat_prefix: mesh, internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}, ${routes(
          '{match: {prefix: /original}, route: {cluster: original}}, {match: {prefix: /}, route: {cluster: up}}',
        )}`,
      )}
  - name: by-file
    ${address('127.0.0.1', 11000)}
    filter_chains:
    - filters:
      - ${hcm(`stat_prefix: file, rds: {route_config_name: table, config_source: {path_config_source: {path: ${join(folder, 'rds.yaml')}}}}`)}
  clusters:
  - {name: up, load_assignment: ${endpoints('up', 7001, 7002)}}
  - {name: named, type: STRICT_DNS, load_assignment: {cluster_name: named, endpoints: [{lb_endpoints: [{endpoint: {${address('svc.test', 9000)}}}]}]}}
  - name: sick
    load_assignment:
      cluster_name: sick
      endpoints:
      - lb_endpoints:
        - {health_status: UNHEALTHY, endpoint: {${address('10.0.0.1', 1)}}}
        - {health_status: UNHEALTHY, endpoint: {${address('10.0.0.2', 1)}}}
      - {priority: 1, lb_endpoints: [{endpoint: {${address('10.0.1.1', 1)}}}]}
  - {name: pass, load_assignment: ${endpoints('pass', 7003)}}
  - {name: original, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED}
  - {name: eds, type: EDS, eds_cluster_config: {service_name: svc, eds_config: {path_config_source: {path: ${join(folder, 'eds.yaml')}}}}}
`;

const FILES = {
  'rds.yaml': `resources: [{"@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration, name: table, virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: up}}]}]}]`,
  'eds.yaml': `resources: [{"@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, cluster_name: svc, endpoints: [{lb_endpoints: [{endpoint: {${address('10.7.7.7', 80)}}}]}]}]`,
};

let compiled: CompiledConfig;
let whole: WholeConfig;

beforeAll(async () => {
  const path = join(folder, 'bootstrap.yaml');
  writeFileSync(path, BOOTSTRAP);
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  const request: ConfigRequest = {
    path,
    yaml: null,
    allowUnknown: false,
    allowUnsupported: false,
    rejectUnknownDynamic: false,
    strictHttp1: false,
    serviceNode: '',
    serviceCluster: '',
    serviceZone: '',
  };
  const result = await loadConfig(request);
  expect(result.problems.filter((problem) => problem.severity === 'error')).toEqual([]);
  compiled = result.compiled!;
  whole = await withFiles(compiled, request);
  expect(whole.problems).toEqual([]);
});

async function explain(request: string, more: Record<string, unknown> = {}): Promise<Explanation> {
  const question = questionFromJson({ request, source: '10.2.2.2:4000', ...more });
  const [answer] = await explainOffline(compiled, whole, [question]);
  if (answer === undefined || 'error' in answer) throw new Error(answer?.error);
  return answer;
}

describe('the connection', () => {
  test('a chain, and the criteria that the others lack', async () => {
    const { listener, filter_chain: chain } = await explain('GET http://shop.test:10000/');
    expect(listener).toEqual({ name: 'edge', addresses: ['0.0.0.0:10000'], why: "listens on the URL's port 10000" });
    expect(chain).toMatchObject({ name: 'web', index: 2, criteria: ['application_protocols [http/1.1]'] });
    expect(chain!.others).toEqual([
      { name: 'old', index: 0, unmet: ['application_protocols [http/1.0]'], why: 'criteria not met' },
      { name: 'local', index: 1, unmet: ['source_type SAME_IP_OR_LOOPBACK'], why: 'criteria not met' },
    ]);
  });

  test('a more specific chain', async () => {
    const { filter_chain: chain, outcome, http } = await explain('GET http://shop.test:10000/', { source: '127.0.0.1:1' });
    expect(chain!.name).toBe('local');
    expect(chain!.others.find(({ name }) => name === 'web')).toMatchObject({
      unmet: [],
      why: 'its criteria are met, but the chosen chain is more specific in source_type',
    });
    expect([outcome, http]).toEqual([{ kind: 'tcp', filter: 'tcp', clusters: ['pass'] }, null]);
  });

  test('redirected connections', async () => {
    const handed = await explain('GET http://shop.test/original', { destination: '10.9.9.9:80' });
    expect(handed.listener).toMatchObject({ name: 'port-80', why: "handed over by 'mesh' for 10.9.9.9:80" });
    expect(handed.outcome).toEqual({ kind: 'forward', cluster: 'original', host: '10.9.9.9:80' });
    const other = await explain('GET http://shop.test/', { destination: '10.9.9.9:5432' });
    expect(other.listener!.name).toBe('mesh');
    expect(other.outcome).toEqual({ kind: 'tcp', filter: 'tcp', clusters: ['original'] });
    expect((await explain('GET http://shop.test/', { destination: '127.0.0.1:15001' })).listener!.why).toBe('listens on 127.0.0.1:15001');
  });

  test('without a destination the first HTTP listener, or the one that is named', async () => {
    expect((await explain('GET http://shop.test:1/')).listener).toMatchObject({ name: 'edge' });
    expect((await explain('GET http://shop.test/', { listener: 'port-80' })).listener).toMatchObject({
      name: 'port-80',
      why: 'asked for by name',
    });
    await expect(explain('GET http://shop.test/', { listener: 'none' })).rejects.toThrow("there is no listener 'none'");
  });
});

describe('the request', () => {
  test('path and headers as the connection manager leaves them', async () => {
    const { http, cluster } = await explain('GET http://shop.test/a/..//x?q', {
      listener: 'edge',
      headers: { 'x-envoy-retry-on': '5xx', 'x-forwarded-for': '1.1.1.1', 'x-user': '7', 'keep-alive': '5' },
    });
    expect(http).toMatchObject({ admitted: true, path: { received: '/a/..//x?q', routed: '/x?q' }, trust: 'external' });
    expect(http!.client_address).toBe('10.2.2.2:4000');
    expect(http!.headers_removed).toEqual(['x-envoy-retry-on', 'keep-alive']);
    expect(http!.headers_changed).toEqual(['x-forwarded-for: 1.1.1.1,10.2.2.2']);
    expect(http!.headers_added).toEqual(['x-forwarded-proto: http', 'x-envoy-external-address: 10.2.2.2', 'x-request-id']);
    expect(http!.http_filters).toMatchObject([{ name: 'envoy.filters.http.router', enabled: true, decided_by: 'default' }]);
    expect(cluster!.upstream_request).toMatchObject({ method: 'GET', path: '/inner/x?q', authority: 'shop.test' });
  });

  test('what is refused before routing', async () => {
    const { http, route, outcome } = await explain('GET http://shop.test:10000/x%00');
    expect([http!.admitted, http!.trust, route]).toEqual([false, '', null]);
    expect(outcome).toMatchObject({ kind: 'reply', status: 400, response_code_details: 'path_normalization_failed' });
    const headers = [
      ['content-length', '5'],
      ['transfer-encoding', 'chunked'],
    ];
    expect((await explain('POST http://shop.test:10000/', { headers })).outcome).toMatchObject({ kind: 'reply', status: 400 });
    const upgrade = { headers: { connection: 'upgrade', upgrade: 'websocket' } };
    expect((await explain('GET http://shop.test:10000/', upgrade)).outcome).toMatchObject({
      status: 403,
      response_code_details: 'upgrade_failed',
    });
  });

  test('the route, and why each earlier one was not it', async () => {
    const { route, outcome } = await explain('GET http://a.shop.test:10000/away?x');
    expect(route).toMatchObject({ route_configuration: 'main', virtual_host: '', index: -1 });
    expect(outcome).toMatchObject({ status: 404, response_flags: 'NR', response_code_details: 'route_not_found' });
    const found = await explain('GET http://a.shop.test/away?x', { listener: 'edge' });
    expect(found.route).toMatchObject({ virtual_host: 'shop', domain: '*.shop.test', index: 3, name: 'away', action: 'redirect' });
    expect(found.route!.considered[0]).toEqual({
      index: 0,
      name: 'admin',
      criteria: 'prefix "/admin", header x-role exact "root"',
      missed: ['prefix "/admin"', 'header x-role exact "root"'],
    });
    expect(found.outcome).toMatchObject({ kind: 'reply', status: 301, location: 'https://a.shop.test/away?x' });
    expect([found.cluster, found.retries]).toEqual([null, null]);
  });

  test('weighted clusters by chance', async () => {
    const low = await explain('GET http://shop.test/split', { listener: 'edge', random: 29 });
    expect(low.route!.weighted_clusters).toEqual({
      clusters: [
        { name: 'up', weight: 30, percent: 30 },
        { name: 'named', weight: 70, percent: 70 },
      ],
      chosen: 'up',
      chosen_by: 'random',
    });
    const high = await explain('GET http://shop.test/split', { listener: 'edge', random: 30 });
    // Nothing is resolved: the host goes by its name.
    expect(high.outcome).toEqual({ kind: 'forward', cluster: 'named', host: 'svc.test:9000' });
  });

  test('a cluster that does not exist, and none at all', async () => {
    const missing = await explain('GET http://shop.test/gone', { listener: 'edge', headers: { 'x-cluster': 'nowhere' } });
    expect(missing.cluster).toMatchObject({ name: 'nowhere', known: false });
    expect(missing.outcome).toMatchObject({ kind: 'reply', status: 503, response_flags: 'NC' });
  });
});

describe('the upstream', () => {
  test('timeouts and retries say where they come from', async () => {
    const { timeouts, retries, cluster } = await explain('GET http://shop.test/slow', { listener: 'edge' });
    expect(timeouts.slice(0, 2)).toEqual([
      { name: 'timeout', ms: 3000, from: 'route' },
      { name: 'per_try_timeout', ms: 0, from: 'retry_policy, 5000 ms is not below the timeout: off' },
    ]);
    expect(retries).toEqual({ enabled: true, retry_on: ['5xx', 'reset'], num_retries: 2, from: 'retry_policy' });
    expect(cluster!.priority).toBe('high');
    expect((await explain('GET http://shop.test/', { listener: 'edge' })).timeouts[0]).toEqual({
      name: 'timeout',
      ms: 15_000,
      from: 'default',
    });
  });

  test('headers of an internal client override them', async () => {
    const headers = {
      'x-forwarded-for': '10.5.5.5',
      'x-envoy-upstream-rq-timeout-ms': '700',
      'x-envoy-upstream-rq-per-try-timeout-ms': '200',
      'x-envoy-retry-on': 'connect-failure',
      'x-envoy-max-retries': '3',
    };
    const { http, timeouts, retries } = await explain('GET http://shop.test/', { destination: '10.9.9.9:80', headers });
    expect(http!.trust).toBe('internal');
    expect(timeouts.slice(0, 2)).toEqual([
      { name: 'timeout', ms: 700, from: 'header x-envoy-upstream-rq-timeout-ms' },
      { name: 'per_try_timeout', ms: 200, from: 'header x-envoy-upstream-rq-per-try-timeout-ms' },
    ]);
    expect(retries).toEqual({
      enabled: true,
      retry_on: ['connect-failure'],
      num_retries: 3,
      from: 'header x-envoy-retry-on, header x-envoy-max-retries',
    });
  });

  test('health decides the hosts', async () => {
    const { cluster, outcome } = await explain('GET http://shop.test/sick', { listener: 'edge' });
    expect(cluster!.host_priorities).toEqual([
      { healthy_percent: 0, degraded_percent: 0, panic: false },
      { healthy_percent: 100, degraded_percent: 0, panic: false },
    ]);
    expect(cluster!.hosts.map(({ health, priority }) => [health, priority])).toEqual([
      ['/failed_eds_health', 0],
      ['/failed_eds_health', 0],
      ['healthy', 1],
    ]);
    expect(outcome).toEqual({ kind: 'forward', cluster: 'sick', host: '10.0.1.1:1' });
  });

  test('routes and endpoints from files', async () => {
    expect((await explain('GET http://any/', { listener: 'by-file' })).route).toMatchObject({ route_configuration: 'table', index: 0 });
    expect((await explain('GET http://shop.test/eds', { listener: 'edge' })).outcome).toMatchObject({ host: '10.7.7.7:80' });
  });
});

test('as text', async () => {
  const answer = await explain('GET http://shop.test/slow', { listener: 'edge', headers: { 'x-envoy-max-retries': '9' } });
  expect(renderExplanation(answer).split('\n')).toEqual(
    expect.arrayContaining([
      'GET shop.test/slow',
      "→ forwarded to cluster 'up', host 127.0.0.1:7001",
      'listener       edge (0.0.0.0:10000): asked for by name',
      "filter chain   #2 'web' matches application_protocols [http/1.1]",
      "               not #1 'local': source_type SAME_IP_OR_LOOPBACK",
      'removed        x-envoy-max-retries',
      `               not #0 'admin': needs prefix "/admin", header x-role exact "root"`,
      `route          #1 'slow' forward: prefix "/slow"`,
      "cluster        'up' STATIC ROUND_ROBIN, 2 hosts, high priority",
      'timeouts       timeout 3000 ms (route)',
      'retries        2 on 5xx, reset (retry_policy)',
    ]),
  );
  const lost = renderExplanation(await explain('GET http://shop.test:10000/'));
  expect(lost).toContain('→ answered by the proxy: 404 NR (route_not_found)\n');
  expect(lost).toContain(
    "virtual host   none of route configuration 'main' is for shop.test:10000 (the port counts: see strip_any_host_port)\n",
  );
  expect(renderExplanation({ error: 'why' })).toBe('error: why\n');
});
