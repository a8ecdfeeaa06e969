import { type Area, bytes, closing, gated, get, hangUp, reply, reset, silence, steps } from '../harness/scenario.ts';

const ROUND_ROBIN_TWO = (extra = '') => `
  - name: two
    lb_policy: ROUND_ROBIN
    load_assignment:
      cluster_name: two
      endpoints:
      - {priority: 0, lb_endpoints: [{health_status: UNHEALTHY, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}]}
      - {priority: 1, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{b}}}}}}]}
    ${extra}
`;
const breaker = (thresholds: string) => ({ a: `{circuit_breakers: {thresholds: [${thresholds}]}}` });
const OK = reply({ body: 'ok' });

/** Local replies of the router, circuit breakers, host selection. */
export const resilience: Area = {
  name: 'resilience',
  configurations: [
    {
      name: 'answers of the router itself',
      routes: `
        - {match: {prefix: /dead}, route: {cluster: dead}}
        - {match: {prefix: /empty}, route: {cluster: empty}}
        - {match: {prefix: /sick}, route: {cluster: sick}}
        - {match: {prefix: /a}, route: {cluster: a}, response_headers_to_add: [{header: {key: x-route, value: "1"}}]}
      `,
      clusters: `
        - {name: dead, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}}
        - {name: empty, type: STATIC}
        - name: sick
          common_lb_config: {healthy_panic_threshold: {value: 0}}
          load_assignment: {cluster_name: sick, endpoints: [{lb_endpoints: [{health_status: UNHEALTHY, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}]}]}
      `,
      cases: [
        {
          name: 'no route',
          send: ['GET /x', 'HEAD /x', { method: 'POST', path: '/x', headers: [['content-type', 'application/grpc']], body: '' }],
        },
        { name: 'connection refused', send: ['GET /dead', 'HEAD /dead'] },
        {
          name: 'connection refused, gRPC',
          send: { method: 'POST', path: '/dead', headers: [['content-type', 'application/grpc']], body: 'x' },
        },
        { name: 'a cluster without hosts', send: 'GET /empty' },
        { name: 'no healthy host', send: ['GET /sick', { method: 'POST', path: '/sick', body: 'data' }] },
        { name: 'closed before the head', send: 'GET /a', upstream: { a: [hangUp] } },
        { name: 'reset before the head', send: 'GET /a', upstream: { a: [reset] } },
        { name: 'closed inside the head', send: 'GET /a', upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\nconte'))] } },
        {
          name: 'closed inside the body',
          send: 'GET /a',
          upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'))] },
          closes: true,
        },
        {
          name: 'closed inside a chunk',
          send: 'GET /a',
          upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc'))] },
          closes: true,
        },
        {
          name: 'reset inside the body',
          send: 'GET /a',
          upstream: { a: [[...bytes('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'), { delay: 20 }, ...reset]] },
          closes: true,
        },
        { name: 'garbage', send: 'GET /a', upstream: { a: [bytes('garbage garbage\r\n\r\n')] } },
        { name: 'a bad header', send: 'GET /a', upstream: { a: [bytes('HTTP/1.1 200 OK\r\nbad header: 1\r\n\r\n')] } },
        { name: 'a bad version', send: 'GET /a', upstream: { a: [bytes('HTTP/3.7 200 OK\r\ncontent-length: 0\r\n\r\n')] } },
        {
          name: 'a bad chunk',
          send: 'GET /a',
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n')] },
          closes: true,
        },
        {
          name: 'length and chunked',
          send: 'GET /a',
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')] },
        },
        {
          name: 'two lengths',
          send: 'GET /a',
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd')] },
        },
        {
          name: 'too many headers',
          send: 'GET /a',
          upstream: { a: [bytes(`HTTP/1.1 200 OK\r\n${'x-h: 1\r\n'.repeat(101)}content-length: 0\r\n\r\n`)] },
        },
        { name: 'closed while idle', send: ['GET /a', 'GET /a'], upstream: { a: [closing(OK)] } },
        {
          name: 'an early response while the body still comes',
          send: { raw: ['POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc', 'def'], pause: 150 },
          upstream: { a: [steps({ early: true }, ...reply({ body: 'early' }))] },
        },
      ],
    },
    {
      name: 'clients that leave',
      cases: [
        { name: 'before the response', parallel: [{ send: 'GET /', until: 'upstream', abort: true }], upstream: { a: [silence] } },
        {
          name: 'in the middle of their body',
          parallel: [{ send: { raw: 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc' }, until: 'upstream', abort: true }],
        },
        { name: 'with nothing sent', send: { raw: '', responses: 0, afterwards: 'half-close' }, closes: true },
        { name: 'in the middle of the head', send: { raw: 'GET / HTTP/1.1\r\nHos', responses: 0, afterwards: 'half-close' }, closes: true },
      ],
    },
    {
      name: 'no pending request allowed',
      cluster: breaker('{max_pending_requests: 0}'),
      cases: [{ name: 'the first request already fails', send: ['GET /', 'HEAD /', { method: 'POST', body: 'x' }] }],
    },
    {
      name: 'no pending request allowed, no Envoy headers',
      cluster: breaker('{max_pending_requests: 0}'),
      router: '{suppress_envoy_headers: true}',
      cases: [{ name: 'no x-envoy-overloaded', send: 'GET /' }],
    },
    {
      name: 'one connection, one waiting',
      cluster: breaker('{max_connections: 1, max_pending_requests: 1}'),
      cases: [
        {
          name: 'the third overflows',
          parallel: [
            { send: 'GET /1', until: 'upstream' },
            { send: 'GET /2', until: 'sent' },
            { send: 'GET /3', until: 'answered' },
          ],
          upstream: { a: [gated(OK), gated(OK)] },
        },
        { name: 'then all is free again', send: 'GET /4' },
        {
          name: 'in the statistics',
          admin: 'GET /stats',
          adminLines: /^cluster\.a\.(circuit_breakers\.default\.|upstream_(cx|rq)_(overflow|pending_overflow|pending_total|total):)/,
        },
      ],
    },
    {
      name: 'one request at a time',
      cluster: breaker('{max_requests: 1}'),
      cases: [
        {
          name: 'the second overflows',
          parallel: [
            { send: 'GET /1', until: 'upstream' },
            { send: 'GET /2', until: 'answered' },
          ],
          upstream: { a: [gated(OK)] },
        },
      ],
    },
    {
      name: 'priorities have limits of their own',
      cluster: breaker('{priority: DEFAULT, max_requests: 1}, {priority: HIGH, max_requests: 10}'),
      routes: '- {match: {prefix: /high}, route: {cluster: a, priority: HIGH}}\n- {match: {prefix: /}, route: {cluster: a}}',
      cases: [
        {
          name: 'high passes where default overflows',
          parallel: [
            { send: 'GET /1', until: 'upstream' },
            { send: 'GET /2', until: 'answered' },
            { send: 'GET /high', until: 'answered' },
          ],
          upstream: { a: [gated(OK)] },
        },
      ],
    },
    {
      name: 'retries are limited',
      cluster: breaker('{max_retries: 0}'),
      routes: '- {match: {prefix: /}, route: {cluster: a, retry_policy: {retry_on: 5xx}}}',
      cases: [{ name: 'the original response passes', send: 'GET /', upstream: { a: [reply({ status: '503 E', body: 'sorry' })] } }],
    },
    {
      name: 'remaining resources',
      cluster: breaker('{max_connections: 5, max_pending_requests: 6, max_requests: 7, max_retries: 8, track_remaining: true}'),
      cases: [
        {
          name: 'gauges',
          send: 'GET /',
          admin: 'GET /stats',
          adminLines: /circuit_breakers/,
        },
      ],
    },
    {
      name: 'priorities and panic',
      routes: `
        - {match: {prefix: /two}, route: {cluster: two}}
        - {match: {prefix: /panic}, route: {cluster: panic}}
      `,
      clusters: `${ROUND_ROBIN_TWO()}
  - name: panic
    load_assignment: {cluster_name: panic, endpoints: [{lb_endpoints: [{health_status: UNHEALTHY, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}]}]}
      `,
      cases: [
        { name: 'the next priority takes over', send: ['GET /two', 'GET /two'] },
        { name: 'in panic the sick are used', send: 'GET /panic' },
        { name: 'degraded and draining in /clusters', admin: 'GET /clusters', adminLines: /::(health_flags|priority|weight)::/ },
      ],
    },
    {
      name: 'round robin',
      routes: '- {match: {prefix: /}, route: {cluster: rr}}',
      clusters: `
        - name: rr
          lb_policy: ROUND_ROBIN
          load_assignment:
            cluster_name: rr
            endpoints: [{lb_endpoints: [{load_balancing_weight: 1, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}, {health_status: DRAINING, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{b}}}}}}]}]
      `,
      cases: [{ name: 'draining hosts get nothing', send: ['GET /1', 'GET /2', 'GET /3'] }],
    },
    {
      name: 'weighted clusters by hash',
      routes: `
        - match: {prefix: /}
          route:
            weighted_clusters: {use_hash_policy: true, clusters: [{name: a, weight: 50}, {name: b, weight: 50}]}
            hash_policy: [{header: {header_name: x-user}}, {query_parameter: {name: u}}]
      `,
      cases: [
        {
          name: 'the same cluster for the same user',
          send: ['one', 'two', 'three', 'four', 'five', 'six', 'one'].map((user) => get('/', ['x-user', user])),
        },
        { name: 'by a query parameter', send: ['GET /?u=1', 'GET /?u=2', 'GET /?u=3', 'GET /?x=y&u=4'] },
      ],
    },
    {
      name: 'host by header of an ORIGINAL_DST cluster',
      routes: '- {match: {prefix: /}, route: {cluster: original}}',
      clusters: '[{name: original, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, original_dst_lb_config: {use_http_header: true}}]',
      cases: [
        {
          name: 'the header names the host',
          send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\nx-envoy-original-dst-host: 127.0.0.1:{{b}}\r\n\r\n' },
        },
        { name: 'a bad one', send: get('/', ['x-envoy-original-dst-host', 'nonsense']) },
        { name: 'none', send: 'GET /' },
      ],
    },
    {
      name: 'names resolved by DNS',
      routes:
        '- {match: {prefix: /strict}, route: {cluster: strict, auto_host_rewrite: true}}\n- {match: {prefix: /logical}, route: {cluster: logical, auto_host_rewrite: true}}',
      clusters: `
        - name: strict
          type: STRICT_DNS
          dns_lookup_family: V4_ONLY
          load_assignment: {cluster_name: strict, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: {{a}}}}}}]}]}
        - name: logical
          type: LOGICAL_DNS
          dns_lookup_family: V4_ONLY
          load_assignment: {cluster_name: logical, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: {{b}}}}}}]}]}
      `,
      // One more of each for every refresh, 5 s apart.
      ignoreStats: /\.update_|total_match_count/,
      cases: [
        { name: 'strict', send: 'GET /strict' },
        { name: 'logical', send: 'GET /logical' },
        { name: 'host names in /clusters', admin: 'GET /clusters', adminLines: /hostname|observability/ },
      ],
    },
    {
      name: 'upstream connections that end',
      cluster: {
        a: `
          typed_extension_protocol_options:
            envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
              "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
              common_http_protocol_options: {max_requests_per_connection: 2}
              explicit_http_config: {http_protocol_options: {}}
        `,
      },
      cases: [
        { name: 'after two requests', send: ['GET /1', 'GET /2', 'GET /3'] },
        {
          name: 'when the upstream says so',
          send: ['GET /4', 'GET /5'],
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')] },
        },
        { name: 'HTTP/1.0 answers', send: ['GET /6', 'GET /7'], upstream: { a: [closing(bytes('HTTP/1.0 200 OK\r\n\r\nold'))] } },
      ],
    },
  ],
};
