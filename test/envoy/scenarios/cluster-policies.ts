import { type Area, reply } from '../harness/scenario.ts';

const OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const options = (policies: string) =>
  `typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${OPTIONS}, explicit_http_config: {http_protocol_options: {}}, ${policies}}}`;
const RETRY = 'retry_policy: {retry_on: 5xx, num_retries: 2, retry_back_off: {base_interval: 0.001s}}';
const TRUSTING = '{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}}';
const three = (name: string, upstream: string, more: string) =>
  `- {name: ${name}, ${more}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${upstream}}}}}}}]}]}}`;
const keys = Array.from({ length: 12 }, (_, i) => `key-${i}`);

/** Retry, hash and mirror policies of a cluster stand for those of routes. */
export const clusterPolicies: Area = {
  name: 'cluster-policies',
  configurations: [
    {
      name: 'retries',
      hcm: TRUSTING,
      cluster: { a: `{${options(RETRY)}}`, b: `{${options('retry_policy: {retry_on: connect-failure, num_retries: 7}')}}` },
      routes: `- {match: {prefix: /plain}, route: {cluster: a}}
- {match: {prefix: /own}, route: {cluster: a, retry_policy: {retry_on: retriable-4xx, num_retries: 5, retry_back_off: {base_interval: 0.001s}}}}
- {match: {prefix: /weighted}, route: {weighted_clusters: {clusters: [{name: a, weight: 1}]}}}
- {match: {prefix: /less}, route: {cluster: b, retry_policy: {retry_on: 5xx, num_retries: 3, retry_back_off: {base_interval: 0.001s}}}}
- {match: {prefix: /slow}, route: {cluster: slow}}
- {match: {prefix: /slower}, route: {cluster: slow, retry_policy: {retry_on: 5xx, num_retries: 3, per_try_timeout: 5s}}}`,
      clusters: three(
        'slow',
        'a',
        options('retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.1s, retry_back_off: {base_interval: 0.001s}}'),
      ),
      cases: [
        { name: 'a route without a policy', send: 'GET /plain', upstream: { a: [reply({ status: '503 X' }), reply({ status: '200 X' })] } },
        {
          name: 'no more than the cluster says',
          send: 'GET /plain',
          upstream: { a: [reply({ status: '503 X' }), reply({ status: '500 X' }), reply({ status: '502 X' })] },
        },
        { name: 'not what the route says', send: 'GET /own', upstream: { a: [reply({ status: '409 X' })] } },
        {
          name: 'but what the cluster says',
          send: 'GET /own',
          upstream: { a: [reply({ status: '500 X' }), reply({ status: '500 X' }), reply({ status: '200 X' })] },
        },
        { name: 'a weighted cluster', send: 'GET /weighted', upstream: { a: [reply({ status: '503 X' })] } },
        { name: 'fewer than the route says', send: 'GET /less', upstream: { b: [reply({ status: '503 X' })] } },
        {
          name: 'headers add to it',
          send: {
            path: '/less',
            headers: [
              ['x-envoy-retry-on', '5xx'],
              ['x-envoy-max-retries', '1'],
            ],
          },
          upstream: { b: [reply({ status: '503 X' }), reply({ status: '200 X' })] },
        },
        {
          name: 'with a body',
          send: { method: 'POST', path: '/plain', body: 'abc' },
          upstream: { a: [reply({ status: '503 X' }), reply({ status: '200 X' })] },
        },
        {
          name: 'timeouts of a try are those of the route',
          send: 'GET /slow',
          upstream: { a: [[{ delay: 250 }, ...reply({ status: '200 late' })], reply({ status: '200 X' })] },
        },
        {
          name: 'also where it has a policy',
          send: 'GET /slower',
          upstream: { a: [[{ delay: 250 }, ...reply({ status: '200 late' })], reply({ status: '200 X' })] },
        },
      ],
    },
    {
      name: 'mirrors',
      upstreams: { a: 'http', b: 'http', c: 'http', d: 'http' },
      cluster: {
        a: `{${options('request_mirror_policies: [{cluster: b}]')}}`,
        c: `{${options('request_mirror_policies: [{cluster: a}, {cluster: d, disable_shadow_host_suffix_append: true}]')}}`,
      },
      routes: `- {match: {prefix: /plain}, route: {cluster: a}}
- {match: {prefix: /own}, route: {cluster: a, request_mirror_policies: [{cluster: d}]}}
- {match: {prefix: /route}, route: {cluster: d, request_mirror_policies: [{cluster: b}]}}
- {match: {prefix: /chain}, route: {cluster: c}}`,
      cases: [
        { name: 'a route without mirrors', send: 'GET /plain' },
        { name: 'with a body', send: { method: 'POST', path: '/plain', body: 'abc' } },
        { name: 'instead of those of the route', send: 'GET /own' },
        { name: 'a cluster without', send: 'GET /route' },
        { name: 'a mirror with mirrors of its own', send: 'GET /chain' },
      ],
    },
    {
      name: 'hashing',
      upstreams: { a: 'http', b: 'http', c: 'http' },
      clusters: `- name: ring
  lb_policy: RING_HASH
  ${options('hash_policy: [{header: {header_name: x-key}}]')}
  load_assignment: {cluster_name: ring, endpoints: [{lb_endpoints: [${['a', 'b', 'c'].map((name) => `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${name}}}}}}, metadata: {filter_metadata: {envoy.lb: {hash_key: ${name}}}}}`).join(', ')}]}]}
- name: cookies
  lb_policy: RING_HASH
  ${options('hash_policy: [{cookie: {name: c, ttl: 0s}}]')}
  load_assignment: {cluster_name: cookies, endpoints: [{lb_endpoints: [${['a', 'b', 'c'].map((name) => `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${name}}}}}}, metadata: {filter_metadata: {envoy.lb: {hash_key: ${name}}}}}`).join(', ')}]}]}`,
      routes: `- {match: {prefix: /plain}, route: {cluster: ring}}
- {match: {prefix: /own}, route: {cluster: ring, hash_policy: [{header: {header_name: x-other}}]}}
- {match: {prefix: /cookie}, route: {cluster: cookies, hash_policy: [{header: {header_name: x-other}}]}}`,
      cases: [
        ...keys.map((key) => ({ name: `of the cluster: ${key}`, send: { path: '/plain', headers: [['x-key', key]] as const } })),
        ...keys.map((key) => ({
          name: `and not of the route: ${key}`,
          send: {
            path: '/own',
            headers: [
              ['x-key', key],
              ['x-other', 'same'],
            ] as const,
          },
        })),
        ...keys.map((key) => ({
          name: `cookie: ${key}`,
          send: {
            path: '/cookie',
            headers: [
              ['cookie', `c=${key}`],
              ['x-other', 'same'],
            ] as const,
          },
        })),
      ],
    },
  ],
};
