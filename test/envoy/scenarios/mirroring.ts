import { type Area, after, bytes, get, hangUp, reply, silence } from '../harness/scenario.ts';

const mirrored = (policy = '{cluster: b}', more = '') =>
  `- {match: {prefix: /}, route: {cluster: a, request_mirror_policies: [${policy}]${more}}}`;
const MAIN = reply({ body: 'main' });
/** Gives the mirror the time to be asked and to answer before the case ends. */
const later = after(40, MAIN);
const DEAD = `
  - name: dead
    load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}
`;

/** request_mirror_policies: who gets a copy, what it looks like, and that it never touches the request itself. */
export const mirroring: Area = {
  name: 'mirroring',
  configurations: [
    {
      name: 'to one cluster',
      routes: mirrored(),
      cases: [
        { name: 'without a body', send: 'GET /path?q=1', upstream: { a: [later] } },
        { name: 'HEAD', send: 'HEAD /', upstream: { a: [after(40, bytes('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n'))] } },
        { name: 'with a body', send: { method: 'POST', body: 'some data' }, upstream: { a: [later] } },
        { name: 'with a chunked body', send: { method: 'POST', chunks: ['some', ' more', ' data'] }, upstream: { a: [later] } },
        {
          name: 'with its headers',
          send: get('/', ['x-forwarded-for', '10.1.1.1'], ['x-custom', 'one'], ['x-custom', 'two'], ['cookie', 'a=b']),
          upstream: { a: [later] },
        },
        { name: 'host with a port', send: { host: 'shop.test:8080' }, upstream: { a: [later] } },
        { name: 'an IPv6 host', send: { host: '[::1]:8080' }, upstream: { a: [later] } },
        { name: 'the mirror fails', send: 'GET /', upstream: { a: [later], b: [reply({ status: '500 E' })] } },
        { name: 'the mirror hangs up', send: 'GET /', upstream: { a: [later], b: [hangUp] } },
        { name: 'the mirror sends garbage', send: 'GET /', upstream: { a: [later], b: [bytes('garbage\r\n\r\n')] } },
        { name: 'the mirror has a large body', send: 'GET /', upstream: { a: [later], b: [reply({ body: 'x'.repeat(100_000) })] } },
        { name: 'the upstream fails', send: 'GET /', upstream: { a: [after(40, reply({ status: '503 E' }))] } },
        { name: 'the upstream hangs up', send: 'GET /', upstream: { a: [after(40, hangUp)] } },
        { name: 'counted', admin: 'GET /stats?filter=async-client.rq_total' },
        { name: 'gRPC', send: { method: 'POST', headers: [['content-type', 'application/grpc']], body: 'x' }, upstream: { a: [later] } },
      ],
    },
    {
      name: 'a mirror that is slow or gone',
      routes: `
        - {match: {prefix: /slow}, route: {cluster: a, timeout: 0.2s, request_mirror_policies: [{cluster: b}]}}
        - {match: {prefix: /wait}, route: {cluster: a}}
        - {match: {prefix: /dead}, route: {cluster: a, request_mirror_policies: [{cluster: dead}]}}
        - {match: {prefix: /empty}, route: {cluster: a, request_mirror_policies: [{cluster: empty}]}}
      `,
      clusters: `${DEAD}
  - {name: empty, type: STATIC}`,
      cases: [
        { name: 'gone', send: ['GET /dead', { method: 'POST', path: '/dead', body: 'x' }], upstream: { a: [later, later] } },
        { name: 'without hosts', send: ['GET /empty', { method: 'POST', path: '/empty', body: 'x' }], upstream: { a: [later, later] } },
        {
          name: 'slow: timed out like the request itself',
          send: ['GET /slow', 'GET /wait'],
          upstream: { a: [MAIN, after(350, MAIN)], b: [silence] },
        },
      ],
    },
    {
      name: 'several mirrors',
      routes: mirrored(
        '{cluster: b}, {cluster: c, disable_shadow_host_suffix_append: true}, {cluster: b, host_rewrite_literal: mirror.test}',
      ),
      upstreams: { a: 'http', b: 'http', c: 'http' },
      cases: [{ name: 'one copy each', send: ['GET /1'], upstream: { a: [later] } }],
    },
    {
      name: 'header changes',
      routes: mirrored(
        `{cluster: b, request_headers_mutations: [{append: {header: {key: x-mirrored, value: "yes"}}}, {remove: x-secret}, {append: {header: {key: x-of, value: "%REQ(:AUTHORITY)%"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}]}`,
      ),
      cases: [
        { name: 'only in the copy', send: get('/', ['x-secret', 's'], ['x-of', 'o'], ['x-mirrored', 'no']), upstream: { a: [later] } },
      ],
    },
    {
      name: 'what the route changes is in the copy',
      routes: `- match: {prefix: /}
  request_headers_to_add: [{header: {key: x-route, value: "1"}}]
  request_headers_to_remove: [x-gone]
  route: {cluster: a, host_rewrite_literal: inside.test, prefix_rewrite: /new/, timeout: 3s, request_mirror_policies: [{cluster: b}]}`,
      cases: [{ name: 'headers, host and path', send: get('/old', ['x-gone', '1']), upstream: { a: [later] } }],
    },
    {
      name: 'cluster by header',
      routes: mirrored('{cluster_header: x-mirror}'),
      cases: [
        { name: 'named', send: get('/', ['x-mirror', 'b']), upstream: { a: [later] } },
        { name: 'unknown', send: get('/', ['x-mirror', 'nobody']), upstream: { a: [later] } },
        { name: 'not named', send: 'GET /', upstream: { a: [later] } },
        { name: 'empty', send: get('/', ['x-mirror', '']), upstream: { a: [later] } },
      ],
    },
    {
      name: 'a share of the requests',
      routes: `
        - {match: {prefix: /none}, route: {cluster: a, request_mirror_policies: [{cluster: b, runtime_fraction: {default_value: {numerator: 0}}}]}}
        - {match: {prefix: /all}, route: {cluster: a, request_mirror_policies: [{cluster: b, runtime_fraction: {default_value: {numerator: 100}}}]}}
        - {match: {prefix: /runtime}, route: {cluster: a, request_mirror_policies: [{cluster: b, runtime_fraction: {default_value: {numerator: 0}, runtime_key: mirror.share}}]}}
      `,
      bootstrap: 'layered_runtime: {layers: [{name: s, static_layer: {mirror.share: 100}}]}',
      cases: [
        { name: 'none', send: 'GET /none', upstream: { a: [later] } },
        { name: 'all', send: 'GET /all', upstream: { a: [later] } },
        { name: 'the runtime says', send: 'GET /runtime', upstream: { a: [later] } },
      ],
    },
    {
      name: 'retries are not mirrored',
      routes: mirrored('{cluster: b}', ', retry_policy: {retry_on: 5xx, retry_back_off: {base_interval: 0.001s}}'),
      cases: [
        { name: 'one copy for two tries', send: 'GET /', upstream: { a: [reply({ status: '500 E' }), later] } },
        { name: 'the copy is not retried', send: 'GET /', upstream: { a: [later], b: [reply({ status: '500 E' })] } },
        { name: 'with its body', send: { method: 'POST', body: 'data' }, upstream: { a: [reply({ status: '500 E' }), later] } },
      ],
    },
    {
      name: 'timeouts per try are not for copies',
      routes: mirrored('{cluster: b}', ', timeout: 3s, retry_policy: {retry_on: 5xx, per_try_timeout: 0.5s}'),
      cases: [{ name: 'as their headers say', send: 'GET /', upstream: { a: [later] } }],
    },
    {
      name: 'attempt counts',
      virtualHosts: `
        - name: v
          domains: ["*"]
          include_request_attempt_count: true
          include_attempt_count_in_response: true
          request_mirror_policies: [{cluster: b}]
          routes:
          - {match: {prefix: /own}, route: {cluster: a, request_mirror_policies: [{cluster: c}]}, stat_prefix: own}
          - {match: {prefix: /}, route: {cluster: a}}
          virtual_clusters: [{name: all, headers: [{name: ":path", string_match: {prefix: /}}]}]
      `,
      upstreams: { a: 'http', b: 'http', c: 'http' },
      cases: [
        { name: "the virtual host's mirror", send: 'GET /', upstream: { a: [later] } },
        { name: "the route's own", send: 'GET /own', upstream: { a: [later] } },
      ],
    },
    {
      name: 'of the whole route configuration',
      routeConfig: 'request_mirror_policies: [{cluster: b}]',
      cases: [{ name: 'for every route', send: 'GET /', upstream: { a: [later] } }],
    },
    {
      name: 'nothing to mirror',
      // A copy may still be under way when the next one starts, and then has another connection.
      ignoreStats: /^cluster\.b\.upstream_(cx|rq_pending)_/,
      routes: `
        - {match: {prefix: /direct}, direct_response: {status: 200}}
        - {match: {prefix: /nowhere}, route: {cluster_header: x-none, request_mirror_policies: [{cluster: b}]}}
        - {match: {prefix: /empty}, route: {cluster: empty, request_mirror_policies: [{cluster: b}]}}
        - {match: {prefix: /refused}, route: {cluster: dead, request_mirror_policies: [{cluster: b}]}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      routeConfig: 'request_mirror_policies: [{cluster: b}]',
      clusters: `${DEAD}
  - {name: empty, type: STATIC}`,
      cases: [
        { name: 'a direct answer', send: ['GET /direct', 'GET /'], upstream: { a: [later] } },
        { name: 'no cluster', send: ['GET /nowhere', 'GET /'], upstream: { a: [later] } },
        { name: 'no host', send: ['GET /empty', 'GET /'], upstream: { a: [later] } },
        { name: 'connection refused', send: ['GET /refused', 'GET /'], upstream: { a: [later] } },
      ],
    },
    {
      name: 'without Envoy headers',
      routes: mirrored('{cluster: b}', ', timeout: 3s'),
      router: '{suppress_envoy_headers: true}',
      cases: [{ name: 'none in the copy either', send: 'GET /', upstream: { a: [later] } }],
    },
    {
      name: 'a trusted client',
      hcm: '{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 0.0.0.0, prefix_len: 0}]}}',
      routes: mirrored('{cluster: b}', ', timeout: 3s'),
      cases: [
        {
          name: 'steering headers',
          send: get(
            '/',
            ['x-envoy-upstream-rq-timeout-ms', '2000'],
            ['x-envoy-retry-on', '5xx'],
            ['x-envoy-upstream-alt-stat-name', 'alt'],
          ),
          upstream: { a: [later] },
        },
      ],
    },
  ],
};
