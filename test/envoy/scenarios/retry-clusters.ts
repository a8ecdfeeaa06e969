import { type Area, type Case, get, type Request, reply } from '../harness/scenario.ts';

const MATCHER = 'type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3';
const HEADER = 'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput';
const BACK_OFF = 'retry_back_off: {base_interval: 0.001s}';
const failure = reply({ status: '503 Service Unavailable' });

const retries = (times: number): string =>
  `retry_policy: {retry_on: 5xx, num_retries: ${times}, refresh_cluster_on_retry: true, ${BACK_OFF}}`;

const entry = (name: string, weight: number): string =>
  `{name: ${name}, weight: ${weight}, request_headers_to_add: [{header: {key: x-entry, value: ${name}}}], response_headers_to_add: [{header: {key: x-from, value: ${name}}}]}`;

const weighted = (entries: readonly string[]): string => `weighted_clusters: {header_name: x-pick, clusters: [${entries.join(', ')}]}`;

const action = (cluster: string): string => `{action: {name: go, typed_config: {"@type": ${MATCHER}.ClusterAction, cluster: ${cluster}}}}`;

/** The cluster by what the request says of its tries so far. */
const byAttempt = (clusters: Readonly<Record<string, string>>, otherwise: string): string => {
  const map = Object.entries(clusters).map(([attempt, cluster]) => `"${attempt}": ${action(cluster)}`);
  const input = `{name: in, typed_config: {"@type": ${HEADER}, header_name: x-envoy-attempt-count}}`;
  const tree = `matcher_tree: {input: ${input}, exact_match_map: {map: {${map.join(', ')}}}}, on_no_match: ${action(otherwise)}`;
  return `inline_cluster_specifier_plugin: {extension: {name: m, typed_config: {"@type": ${MATCHER}.MatcherClusterSpecifier, cluster_matcher: {${tree}}}}}`;
};

const pick = (path: string, value: number): Request => get(path, ['x-pick', String(value)]);

const FAIL_ALL = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, Array.from({ length: 8 }, () => failure)]));

const fails = (name: string, send: Request | string): Case => ({ name, send, upstream: FAIL_ALL });

/** Retries that may go to another cluster than the one that failed: refresh_cluster_on_retry. */
export const retryClusters: Area = {
  name: 'retry-clusters',
  configurations: [
    {
      name: 'clusters',
      upstreams: { a: 'http', b: 'http', c: 'http' },
      clusters: '- {name: nobody, type: STATIC}',
      logFormat:
        '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT%',
      virtualHosts: `- name: all
  domains: ["*"]
  include_request_attempt_count: true
  include_attempt_count_in_response: true
  routes:
  - {match: {prefix: /even}, route: {${weighted([entry('a', 1), entry('b', 1), entry('c', 1)])}, ${retries(6)}}}
  - {match: {prefix: /uneven}, route: {${weighted([entry('a', 70), entry('b', 20), entry('c', 10), entry('nobody', 0)])}, ${retries(4)}}}
  - {match: {prefix: /stays}, route: {${weighted([entry('a', 1), entry('b', 1)])}, retry_policy: {retry_on: 5xx, num_retries: 2, ${BACK_OFF}}}}
  - {match: {prefix: /tree}, route: {${byAttempt({ 1: 'b', 2: 'b', 3: 'c' }, 'a')}, ${retries(3)}}}
  - {match: {prefix: /gone}, route: {${byAttempt({ 1: 'nowhere' }, 'a')}, ${retries(2)}}}
  - {match: {prefix: /empty}, route: {${byAttempt({ 1: 'nobody' }, 'a')}, ${retries(2)}}}
  - {match: {prefix: /plain}, route: {cluster: a, ${retries(1)}}}`,
      cases: [
        ...[0, 1, 2, 4, 5].map((value) => fails(`weighted, ${value}`, pick('/even', value))),
        ...[15, 75, 95, 1234567].map((value) => fails(`weighted unevenly, ${value}`, pick('/uneven', value))),
        fails('without it the cluster stays', pick('/stays', 1)),
        fails('by a tree', 'GET /tree'),
        { name: 'the second answers', send: 'GET /tree', upstream: { a: [failure] } },
        { name: 'a body goes to it', send: { method: 'POST', path: '/tree', body: 'again' }, upstream: { a: [failure] } },
        { name: 'the third answers', send: pick('/even', 1), upstream: { a: [failure], b: [failure] } },
        fails('to a cluster that is not there', 'GET /gone'),
        fails('to a cluster without hosts', 'GET /empty'),
        fails('one cluster alone', 'GET /plain'),
      ],
    },
  ],
};
