import type { Area } from '../harness/scenario.ts';

const OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const HTTP2 = `typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${OPTIONS}, explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 2}}}}`;
const UPSTREAMS = ['a', 'b', 'c', 'd'] as const;

interface Ahead {
  readonly name: string;
  readonly more: string;
  readonly hosts?: readonly string[];
  readonly weights?: readonly number[];
  /** A round, so that every host gets the same whichever comes first. */
  readonly times?: number;
}

const list: readonly Ahead[] = [
  { name: 'half', more: 'preconnect_policy: {predictive_preconnect_ratio: 1.5}' },
  { name: 'three', more: 'preconnect_policy: {predictive_preconnect_ratio: 3}' },
  { name: 'both', more: 'preconnect_policy: {predictive_preconnect_ratio: 2, per_upstream_preconnect_ratio: 2}' },
  { name: 'pair', more: 'preconnect_policy: {predictive_preconnect_ratio: 3}', hosts: ['a', 'b'], times: 2 },
  { name: 'least', more: 'lb_policy: LEAST_REQUEST, preconnect_policy: {predictive_preconnect_ratio: 3}', hosts: ['a'], times: 2 },
  {
    name: 'limited',
    more: 'preconnect_policy: {predictive_preconnect_ratio: 3}, circuit_breakers: {thresholds: [{max_connections: 2}]}',
    times: 4,
  },
  { name: 'http2', more: `${HTTP2}, preconnect_policy: {predictive_preconnect_ratio: 3}`, hosts: ['h'], times: 1 },
];

function cluster({ name, more, hosts = UPSTREAMS, weights }: Ahead): string {
  const endpoints = hosts.map(
    (host, i) =>
      `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${host}}}}}}${weights === undefined ? '' : `, load_balancing_weight: ${weights[i]}`}}`,
  );
  return `- {name: ${name}, ${more}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [${endpoints.join(', ')}]}]}}`;
}

/**
 * Connections to the hosts of requests that have not come yet. A configuration each: Envoy holds the connections of all clusters against the
 * ratio of one.
 */
export const preconnect: Area = {
  name: 'preconnect',
  configurations: list.map((one) => {
    const { name, times = 4 } = one;
    return {
      name,
      upstreams: { a: 'http', b: 'http', c: 'http', d: 'http', h: 'http2' },
      clusters: cluster(one),
      routes: `- {match: {path: /${name}}, route: {cluster: ${name}}}`,
      // Which host comes first is chance.
      logFormat: '%RESPONSE_CODE% %RESPONSE_FLAGS%',
      ignoreStats: /\.http2\.|upstream_cx_(rx|tx)/,
      // How many connections there are is told by the statistics, which are looked at until both sides agree.
      cases: [{ name: 'requests', anyOrder: true, send: Array.from({ length: times }, () => `GET /${name}`) }],
    };
  }),
};
