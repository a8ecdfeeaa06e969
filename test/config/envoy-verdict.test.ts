/** `envoy --mode validate` and our loader accept and refuse the same documents. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadBootstrap } from '../../src/config/bootstrap.ts';
import { requireTool } from '../support/tool.ts';
import { withCluster } from './support.ts';

const envoy = requireTool('envoy');

const HTTP1 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const options = (any: string): string => `, typed_extension_protocol_options: {${HTTP1}: ${any}}`;
const health = (send: string): string =>
  `, health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {send: {binary: "${send}"}}}]`;
const manager = (fields: string): string => `
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
          ${fields}
`;
const route = (fields: string): string =>
  manager(`route_config: {validate_clusters: false, virtual_hosts: [{name: v, domains: ["*"], routes: [{${fields}}]}]}`);

/** Text appended to a cluster in flow style. */
const CLUSTERS: readonly string[] = [
  '',
  ', max_requests_per_connection: "5"',
  ', max_requests_per_connection: 5.0',
  ', max_requests_per_connection: 1e3',
  ', max_requests_per_connection: 5.5',
  ', max_requests_per_connection: -1',
  ', max_requests_per_connection: true',
  ', max_requests_per_connection: " 5"',
  ', max_requests_per_connection: ""',
  ', max_requests_per_connection: "0x5"',
  ', max_requests_per_connection: 4294967296',
  ', alt_stat_name: 5',
  ', alt_stat_name: no',
  ', alt_stat_name: "5"',
  ', alt_stat_name: 1.5',
  ', ignore_health_on_host_removal: "true"',
  ', ignore_health_on_host_removal: "T"',
  ', ignore_health_on_host_removal: "on"',
  ', ignore_health_on_host_removal: on',
  ', ignore_health_on_host_removal: 1',
  ', ignore_health_on_host_removal: "1"',
  ', lb_policy: random',
  ', lb_policy: Round-Robin',
  ', lb_policy: 3',
  ', lb_policy: "3"',
  ', lb_policy: 77',
  ', lb_policy: FOO',
  ', lb_policy: null',
  ', dns_refresh_rate: 5',
  ', dns_refresh_rate: "5"',
  ', dns_refresh_rate: 500ms',
  ', dns_refresh_rate: 0.5s',
  ', dns_refresh_rate: .5s',
  ', dns_refresh_rate: 5.s',
  ', dns_refresh_rate: "+5s"',
  ', dns_refresh_rate: 1.0000000001s',
  ', dns_refresh_rate: {seconds: 5}',
  ', dns_refresh_rate: {seconds: 5, nano: 1}',
  ', dns_refresh_rate: 0s',
  ', dnsRefreshRate: 5s',
  ', per_connection_buffer_limit_bytes: {value: 5}',
  ', circuit_breakers: null',
  ', circuit_breakers: []',
  ', circuit_breakers: [{}]',
  ', circuit_breakers: ""',
  ', circuit_breakers: {thresholds: {max_requests: 5}}',
  ', circuit_breakers: {thresholds: [[{max_requests: 5}]]}',
  ', circuit_breakers: {thresholds: [null]}',
  ', type: STATIC, cluster_type: {name: x}',
  ', lb_polcy: RANDOM',
  ', lb_polcy: null',
  ', LbPolicy: RANDOM',
  ', hosts: []',
  ', "": 5',
  ', "@type": foo',
  ', <<: {lb_policy: RANDOM}',
  ', lb_policy: FOO, lb_policy: RANDOM',
  ', metadata: {filter_metadata: {a: 5}}',
  ', metadata: {filter_metadata: {a: [1]}}',
  ', metadata: {filter_metadata: {a: {b: [1, null]}}}',
  ', metadata: {filter_metadata: [{key: a, value: {}}]}',
  ', common_lb_config: {healthy_panic_threshold: {value: "50.5"}}',
  ', common_lb_config: {healthy_panic_threshold: {value: true}}',
  ', common_lb_config: {healthy_panic_threshold: {value: 150}}',
  ', least_request_lb_config: {choice_count: 1}',
  ', transport_socket: {}',
  ', lb_policy: LEAST_REQUEST, least_request_lb_config: {active_request_bias: {default_value: 1.0}}',
  ', dns_failure_refresh_rate: {}',
  health('%%%'),
  health('aGk'),
  options(`{"@type": type.googleapis.com/${HTTP1}, explicit_http_config: {http_protocol_options: {}}}`),
  options(`{"@type": foo.com/${HTTP1}, explicit_http_config: {http_protocol_options: {}}}`),
  options(`{"@type": ${HTTP1}, explicit_http_config: {http_protocol_options: {}}}`),
  options('{explicit_http_config: {http_protocol_options: {}}}'),
  options(`{"@type": type.googleapis.com/${HTTP1}}`),
  options('{"@type": type.googleapis.com/envoy.api.v2.Cluster, name: x}'),
  options(
    `{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: type.googleapis.com/${HTTP1}, value: {explicit_http_config: {http_protocol_options: {}}}}`,
  ),
  options(`{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: type.googleapis.com/${HTTP1}, value: {explicit: {}}}`),
];

/** Whole documents, by file name. */
const DOCUMENTS: readonly (readonly [string, string])[] = [
  ['bom.yaml', `\ufeff${withCluster('')}`],
  ['two.yaml', `${withCluster('')}---\nnode: {id: z`],
  ['tab.yaml', `${withCluster('')}\tadmin: {}`],
  ['anchor.yaml', `${withCluster('')}admin: {address: &x {socket_address: {address: 127.0.0.1, port_value: 0}}}`],
  ['noanchor.yaml', `${withCluster('')}admin: *nope`],
  ['list.yaml', '- a'],
  ['scalar.yaml', 'a'],
  ['empty.yaml', ''],
  ['json.yaml', '{"node": {"id": "a", "cluster": "b"}}'],
  ['upper.YAML', 'node: {id: a, cluster: b}'],
  ['port.yaml', 'admin: {address: {socket_address: {address: 127.0.0.1, port_value: 70000}}}'],
  ['noport.yaml', 'admin: {address: {socket_address: {address: 127.0.0.1}}}'],
  ['empty.json', ''],
  ['object.json', '{}'],
  ['array.json', '[]'],
  ['null.json', 'null'],
  ['bom.json', '\ufeff{}'],
  ['comment.json', '{/* x */"node":{"id":"a","cluster":"c"}}'],
  ['trailing.json', '{"node":{"id":"a","cluster":"c"},}'],
  ['single.json', "{'node':{'id':'a','cluster':'c'}}"],
  ['bare.json', '{node:{"id":"a","cluster":"c"}}'],
  ['after.json', '{} x'],
  ['twice.json', '{"node":{"id":"a","id":"b","cluster":"c"}}'],
  ['number.json', '{"node":{"id":5,"cluster":"c"}}'],
  ['route.yaml', route('match: {prefix: /}, route: {cluster: a}')],
  ['nomatch.yaml', route('match: {}, route: {cluster: a}')],
  ['noaction.yaml', route('match: {prefix: /}')],
  ['status.yaml', route('match: {prefix: /}, direct_response: {status: 700}')],
  ['header.yaml', route('match: {prefix: /}, route: {cluster: a}, request_headers_to_add: [{header: {key: "a\\nb", value: x}}]')],
  ['remove.yaml', route('match: {prefix: /}, route: {cluster: a}, request_headers_to_remove: [""]')],
  ['timeouts.yaml', route('match: {prefix: /}, route: {cluster: a, timeouts: 5s}')],
  ['retry.yaml', route('match: {prefix: /}, route: {cluster: a, retry_policy: {retry_back_off: {base_interval: 0s}}}')],
  ['noroutes.yaml', manager('')],
  ['headerskb.yaml', manager('route_config: {}\n          max_request_headers_kb: 8193')],
];

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'outrider-verdict-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function envoyAccepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(envoy!, ['--mode', 'validate', '-c', path, '-l', 'off'], (error) => resolve(error === null));
  });
}

describe.skipIf(envoy === null)('the same verdict as Envoy', () => {
  const cases: readonly (readonly [string, string])[] = [
    ...CLUSTERS.map((c, i) => [`cluster-${i}.yaml`, withCluster(c)] as const),
    ...DOCUMENTS,
  ];

  // One test for all: Envoy starts hundreds of times, two at once.
  test(`on ${cases.length} documents`, { timeout: 600_000 }, async () => {
    const differ: string[] = [];
    const queue = [...cases];
    const judge = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [name, text] = next;
        const path = join(dir, name);
        writeFileSync(path, text);
        const accepted = await envoyAccepts(path);
        const { bootstrap, problems } = loadBootstrap({ path, allowUnsupported: true });
        if (accepted !== (bootstrap !== null))
          differ.push(`Envoy ${accepted ? 'accepts' : 'refuses'}: ${text} ${problems.map((p) => p.message)}`);
      }
    };
    await Promise.all([judge(), judge()]);
    expect(differ).toEqual([]);
  });
});
