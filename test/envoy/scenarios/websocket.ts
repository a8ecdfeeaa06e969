import { type Area, after, bytes, type Case, closing, gated, reply, silence, steps } from '../harness/scenario.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const HTTP2_CLUSTER = (fields = '') => `
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": ${TYPE}.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: {http2_protocol_options: {}}
      ${fields}
`;
const HTTP1_CLUSTER = (fields: string) => HTTP2_CLUSTER(fields).replace('http2_protocol_options', 'http_protocol_options');
const UPGRADES = 'upgrade_configs: [{upgrade_type: websocket}]';
const CONNECTS = `${UPGRADES}, http2_protocol_options: {allow_connect: true}`;

const upgrade = (path = '/ws', more = '', method = 'GET') =>
  `${method} ${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n${more}\r\n`;
const ACCEPT = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n';
const SWITCH = steps({ send: ACCEPT }, { tunnel: true });
/** Switches, and ends the connection a little later. */
const LEAVES = steps({ send: ACCEPT }, { tunnel: true }, { delay: 60 }, { end: true });
const BREAKS = steps({ send: ACCEPT }, { tunnel: true }, { delay: 60 }, { reset: true });
const ping: Pick<Case, 'send'> = { send: [{ raw: upgrade() }, { raw: 'ping', payload: 4 }] };

const CONNECT = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/ws', ':scheme': 'http', 'sec-websocket-key': 'k' };
const connect = (path = '/ws') => ({ ...CONNECT, ':path': path });

const UNASKED = 'Envoy sends the next request over a connection that has switched protocols';
/** Node's RST_STREAM may come in one read with the end of its answer; Outrider has let go of the stream then, and counts no reset of the peer's. */
const RESET_AT_END = /http2\.rx_reset$/;

/** What both kinds of client and of upstream see when nothing but a clock ends the stream. */
const TIMED_ROUTES = `
  - {match: {prefix: /idle}, route: {cluster: a, idle_timeout: 0.12s}}
  - {match: {prefix: /long}, route: {cluster: a, idle_timeout: 0.3s, timeout: 0.05s}}
  - {match: {prefix: /duration}, route: {cluster: a, max_stream_duration: {max_stream_duration: 0.12s}}}
  - {match: {prefix: /timeout}, route: {cluster: a, timeout: 0.12s}}
  - {match: {prefix: /try}, route: {cluster: a, timeout: 0s, idle_timeout: 0.5s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.12s}}}
  - {match: {prefix: /}, route: {cluster: a}}
`;

/** Upgrades on HTTP/1 and HTTP/2, each on both sides. */
export const websocket: Area = {
  name: 'websocket',
  configurations: [
    {
      name: 'HTTP/1 on both sides',
      hcm: `{${UPGRADES}}`,
      routes: `
        - {match: {prefix: /retry}, route: {cluster: a, retry_policy: {retry_on: "5xx,reset", num_retries: 2}}}
        - {match: {prefix: /rewrite}, route: {cluster: a, prefix_rewrite: /chat}, request_headers_to_add: [{header: {key: x-added, value: "1"}}], response_headers_to_add: [{header: {key: x-back, value: "2"}}]}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'messages both ways', ...ping, upstream: { a: [SWITCH] } },
        { name: 'the upstream leaves', ...ping, upstream: { a: [LEAVES] }, closes: true },
        { name: 'the upstream breaks off', ...ping, upstream: { a: [BREAKS] }, closes: true },
        {
          name: 'the client leaves',
          send: [{ raw: upgrade() }, { raw: 'ping', payload: 4 }, { raw: '', responses: 0, afterwards: 'half-close' }],
          upstream: { a: [SWITCH] },
          closes: true,
        },
        {
          name: 'the client breaks off',
          send: [{ raw: upgrade() }, { raw: 'ping', payload: 4 }, { raw: '', responses: 0, afterwards: 'reset' }],
          upstream: { a: [SWITCH] },
        },
        {
          name: 'the upstream speaks with its 101',
          send: [{ raw: upgrade(), responses: 1, payload: 5 }],
          upstream: { a: [steps({ send: `${ACCEPT}hello` }, { tunnel: true })] },
        },
        {
          name: 'the client speaks before it is accepted',
          send: [{ raw: `${upgrade()}early`, responses: 1, payload: 5 }],
          upstream: { a: [steps({ early: true }, { delay: 30 }, { send: ACCEPT }, { tunnel: true })] },
        },
        {
          name: 'with a body of some length',
          send: [{ raw: `${upgrade('/ws', 'Content-Length: 5\r\n', 'POST')}hello`, responses: 1 }],
          upstream: { a: [steps({ early: true }, ...SWITCH)] },
        },
        {
          name: 'with Content-Length: 0',
          send: [{ raw: upgrade('/ws', 'Content-Length: 0\r\n') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [SWITCH] },
        },
        {
          name: 'with a chunked body',
          send: [{ raw: `${upgrade('/ws', 'Transfer-Encoding: chunked\r\n', 'POST')}5\r\nhello\r\n0\r\n\r\n`, responses: 1 }],
          upstream: { a: [steps({ early: true }, ...SWITCH)] },
        },
        { name: 'of HTTP/1.0', send: { raw: upgrade().replace('HTTP/1.1', 'HTTP/1.0') }, upstream: { a: [SWITCH] } },
        {
          name: 'Connection has more tokens',
          send: [{ raw: upgrade().replace('Connection: Upgrade', 'Connection: keep-alive, upgrade') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [SWITCH] },
        },
        { name: 'two protocols offered', send: { raw: upgrade().replace('websocket', 'websocket, foo') } },
        {
          name: 'the upstream wants another protocol',
          send: { raw: upgrade() },
          upstream: { a: [reply({ status: '426 Upgrade Required', headers: [['upgrade', 'foo']], body: 'no' })] },
        },
        {
          name: 'refused with a redirect',
          send: { raw: upgrade() },
          upstream: { a: [reply({ status: '302 Found', headers: [['location', '/there']], body: 'moved' })] },
        },
        { name: 'refused with 500', send: { raw: upgrade() }, upstream: { a: [reply({ status: '500 No', body: 'no' })] } },
        {
          name: 'refused, and the connection goes on',
          send: [{ raw: upgrade() }, 'GET /again'],
          upstream: { a: [reply({ status: '404 No', body: 'no' })] },
        },
        {
          name: '101 of another protocol',
          send: [{ raw: upgrade() }, { raw: 'ping', payload: 4 }],
          upstream: { a: [steps({ send: ACCEPT.replace('upgrade: websocket', 'upgrade: foo') }, { tunnel: true })] },
        },
        {
          name: '101 that does not say to what',
          send: { raw: upgrade() },
          upstream: { a: [bytes('HTTP/1.1 101 Switching Protocols\r\n\r\n')] },
        },
        {
          name: 'another attempt',
          send: [{ raw: upgrade('/retry') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [reply({ status: '503 No' }), SWITCH] },
        },
        {
          name: 'rewritten',
          send: [{ raw: upgrade('/rewrite/x') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [SWITCH] },
        },
        {
          name: 'an answer after a while',
          send: [{ raw: upgrade() }, { raw: 'ping', payload: 4 }],
          upstream: { a: [after(50, SWITCH)] },
        },
        { name: 'no answer', send: { raw: upgrade() }, upstream: { a: [closing(silence)] } },
      ],
    },
    {
      name: 'switched without being asked',
      hcm: `{${UPGRADES}}`,
      statsDiffer: {
        reason: UNASKED,
        changes: [
          '- cluster.a.upstream_cx_http1_total: 1',
          '- cluster.a.upstream_cx_total: 1',
          '+ cluster.a.upstream_cx_destroy: 1',
          '+ cluster.a.upstream_cx_destroy_local: 1',
          '+ cluster.a.upstream_cx_http1_total: 2',
          '+ cluster.a.upstream_cx_total: 2',
          '- cluster.a.upstream_rq_pending_total: 1',
          '+ cluster.a.upstream_rq_pending_total: 2',
        ],
      },
      cases: [
        {
          name: '101 that nobody asked for',
          send: 'GET /plain',
          upstream: { a: [bytes(ACCEPT)] },
        },
        { name: 'the next request', send: 'GET /next', differs: { reason: UNASKED, changes: ['- <- a #1', '+ <- a #2'] } },
      ],
    },
    {
      name: 'filters of upgrades, routes that allow them',
      filters: `[{name: plain, typed_config: {"@type": ${TYPE}.filters.http.header_mutation.v3.HeaderMutation, mutations: {request_mutations: [{append: {header: {key: x-chain, value: plain}}}]}}}]`,
      hcm: `{upgrade_configs: [
        {upgrade_type: websocket, filters: [
          {name: own, typed_config: {"@type": ${TYPE}.filters.http.header_mutation.v3.HeaderMutation, mutations: {request_mutations: [{append: {header: {key: x-chain, value: own}}}], response_mutations: [{append: {header: {key: x-chain, value: own}}}]}}},
          {name: router, typed_config: {"@type": ${TYPE}.filters.http.router.v3.Router}}]},
        {upgrade_type: foo, enabled: false},
        {upgrade_type: bar, enabled: false, filters: [
          {name: own, typed_config: {"@type": ${TYPE}.filters.http.header_mutation.v3.HeaderMutation, mutations: {request_mutations: [{append: {header: {key: x-chain, value: bar}}}]}}},
          {name: router, typed_config: {"@type": ${TYPE}.filters.http.router.v3.Router}}]}]}`,
      routes: `
        - {match: {prefix: /all}, route: {cluster: a, upgrade_configs: [{upgrade_type: foo}, {upgrade_type: BAR}, {upgrade_type: baz}]}}
        - {match: {prefix: /none}, route: {cluster: a, upgrade_configs: [{upgrade_type: websocket, enabled: false}]}}
        - match: {prefix: /other}
          route: {cluster: a}
          typed_per_filter_config: {own: {"@type": ${TYPE}.filters.http.header_mutation.v3.HeaderMutationPerRoute, mutations: {request_mutations: [{append: {header: {key: x-chain, value: route}}}]}}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'its own filters', ...ping, upstream: { a: [SWITCH] } },
        { name: 'other requests', send: 'GET /x' },
        {
          name: 'of the route as well',
          send: [{ raw: upgrade('/other') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [SWITCH] },
        },
        { name: 'off on the route', send: { raw: upgrade('/none') } },
        { name: 'off', send: { raw: upgrade().replace('websocket', 'foo') } },
        {
          name: 'off, but on for the route',
          send: [{ raw: upgrade('/all').replace('websocket', 'foo') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [SWITCH] },
        },
        {
          name: 'off, but on for the route, with filters',
          send: [{ raw: upgrade('/all').replace('websocket', 'Bar') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [SWITCH] },
        },
        {
          name: 'known to the route alone',
          send: [{ raw: upgrade('/all').replace('websocket', 'baz') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [SWITCH] },
        },
      ],
    },
    {
      name: 'timers, HTTP/1',
      hcm: `{${UPGRADES}, stream_idle_timeout: 0.2s}`,
      routes: TIMED_ROUTES,
      cases: [
        { name: "the connection manager's idle timeout", ...ping, upstream: { a: [SWITCH] }, closes: true },
        {
          name: "the route's idle timeout",
          send: [{ raw: upgrade('/idle') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [SWITCH] },
          closes: true,
        },
        {
          name: "the route's idle timeout, no answer",
          send: { raw: upgrade('/idle') },
          upstream: { a: [gated(silence)] },
        },
        {
          name: 'the route timeout does not bound it once it is accepted',
          send: [{ raw: upgrade('/long') }, { raw: ['pi', 'ng'], pause: 150, payload: 4 }],
          upstream: { a: [SWITCH] },
          closes: true,
        },
        {
          name: 'max_stream_duration',
          send: [{ raw: upgrade('/duration') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [SWITCH] },
          closes: true,
        },
        { name: 'the route timeout bounds the wait', send: { raw: upgrade('/timeout') }, upstream: { a: [silence] } },
        {
          name: 'per try',
          send: [{ raw: upgrade('/try') }, { raw: 'ping', payload: 4 }],
          upstream: { a: [silence, SWITCH] },
          closes: true,
        },
      ],
    },
    {
      name: 'timers of the cluster and of all streams',
      hcm: `{${UPGRADES}, common_http_protocol_options: {max_stream_duration: 0.25s, idle_timeout: 0.1s}}`,
      cluster: {
        a: HTTP1_CLUSTER('common_http_protocol_options: {idle_timeout: 0.1s}'),
        b: HTTP1_CLUSTER('common_http_protocol_options: {max_stream_duration: 0.1s}'),
      },
      routes: '- {match: {prefix: /b}, route: {cluster: b}}\n- {match: {prefix: /}, route: {cluster: a}}',
      cases: [
        { name: 'max_stream_duration', ...ping, upstream: { a: [SWITCH] }, closes: true },
        {
          name: 'max_stream_duration of the cluster',
          send: [{ raw: upgrade('/b') }, { raw: 'ping', payload: 4 }],
          upstream: { b: [SWITCH] },
          closes: true,
        },
      ],
    },
    {
      name: 'HTTP/2 to HTTP/1',
      hcm: `{${CONNECTS}, stream_idle_timeout: 0.2s}`,
      routes: TIMED_ROUTES,
      cases: [
        { name: 'messages both ways', http2: { requests: [{ headers: connect(), tunnel: 'ping' }] }, upstream: { a: [SWITCH] } },
        {
          name: 'the client ends its side',
          http2: { requests: [{ headers: connect(), tunnel: 'ping', tunnelEnds: 'half-close' }] },
          upstream: { a: [SWITCH] },
        },
        {
          name: 'the upstream leaves',
          http2: { requests: [{ headers: connect(), tunnel: 'ping', tunnelEnds: 'never' }] },
          upstream: { a: [LEAVES] },
        },
        {
          name: 'the upstream breaks off',
          http2: { requests: [{ headers: connect(), tunnel: 'ping', tunnelEnds: 'never' }] },
          upstream: { a: [BREAKS] },
        },
        {
          name: 'refused',
          http2: { requests: [{ headers: connect(), open: true }] },
          upstream: { a: [reply({ status: '403 Forbidden', body: 'no' })] },
        },
        {
          name: 'answered 200',
          http2: { requests: [{ headers: connect(), open: true }] },
          upstream: { a: [reply({ body: 'fine' })] },
        },
        { name: 'no answer', http2: { requests: [{ headers: connect(), open: true }] }, upstream: { a: [closing(silence)] } },
        { name: 'idle', http2: { requests: [{ headers: connect(), tunnel: 'ping', tunnelEnds: 'never' }] }, upstream: { a: [SWITCH] } },
        {
          name: 'idle as the route says',
          http2: { requests: [{ headers: connect('/idle'), tunnel: 'ping', tunnelEnds: 'never' }] },
          upstream: { a: [SWITCH] },
        },
        {
          name: 'max_stream_duration',
          http2: { requests: [{ headers: connect('/duration'), tunnel: 'ping', tunnelEnds: 'never' }] },
          upstream: { a: [SWITCH] },
        },
        {
          name: 'the route timeout bounds the wait',
          http2: { requests: [{ headers: connect('/timeout'), open: true }] },
          upstream: { a: [silence] },
        },
        {
          name: 'two at once',
          http2: {
            together: true,
            requests: [
              { headers: connect('/ws?1'), tunnel: 'one' },
              { headers: connect('/ws?2'), tunnel: 'two!' },
            ],
          },
          upstream: { a: [SWITCH, SWITCH] },
        },
        { name: 'an ordinary request beside them', http2: { requests: [{ headers: { ':path': '/plain' } }] } },
      ],
    },
    {
      name: 'HTTP/1 to HTTP/2',
      ignoreStats: RESET_AT_END,
      upstreams: { a: 'http2' },
      cluster: { a: HTTP2_CLUSTER() },
      hcm: `{${UPGRADES}, stream_idle_timeout: 0.2s}`,
      routes: TIMED_ROUTES,
      cases: [
        {
          name: 'messages both ways',
          ...ping,
          http2Upstream: { a: [{ tunnel: true, headers: { 'sec-websocket-accept': 'x' } }] },
          closes: true,
        },
        {
          name: 'the client leaves',
          send: [{ raw: upgrade() }, { raw: 'ping', payload: 4 }, { raw: '', responses: 0, afterwards: 'half-close' }],
          http2Upstream: { a: [{ tunnel: true }] },
          closes: true,
        },
        { name: 'the upstream ends its side', ...ping, http2Upstream: { a: [{ tunnel: true, tunnelEnds: 'half-close' }] }, closes: true },
        { name: 'the upstream resets', ...ping, http2Upstream: { a: [{ tunnel: true, tunnelEnds: 'reset' }] }, closes: true },
        { name: 'refused', send: { raw: upgrade() }, http2Upstream: { a: [{ status: 403, early: true, body: 'no' }] } },
        {
          name: 'refused with a redirect',
          send: { raw: upgrade() },
          http2Upstream: { a: [{ status: 302, early: true, body: 'no', headers: { location: '/x' } }] },
        },
        { name: 'reset', send: { raw: upgrade() }, http2Upstream: { a: [{ early: true, reset: { code: 8, when: 'at once' } }] } },
        { name: 'refused stream', send: { raw: upgrade() }, http2Upstream: { a: [{ early: true, reset: { code: 7, when: 'at once' } }] } },
        {
          name: 'with Content-Length: 0',
          send: [{ raw: upgrade('/ws', 'Content-Length: 0\r\n') }, { raw: 'ping', payload: 4 }],
          http2Upstream: { a: [{ tunnel: true }] },
          closes: true,
        },
        {
          name: 'max_stream_duration',
          send: [{ raw: upgrade('/duration') }, { raw: 'ping', payload: 4 }],
          http2Upstream: { a: [{ tunnel: true }] },
          closes: true,
        },
        { name: 'the route timeout bounds the wait', send: { raw: upgrade('/timeout') }, http2Upstream: { a: [{ silent: true }] } },
      ],
    },
    {
      name: 'HTTP/2 on both sides',
      ignoreStats: RESET_AT_END,
      upstreams: { a: 'http2' },
      cluster: { a: HTTP2_CLUSTER() },
      hcm: `{${CONNECTS}, stream_idle_timeout: 0.2s}`,
      routes: TIMED_ROUTES,
      cases: [
        {
          name: 'messages both ways',
          http2: { requests: [{ headers: connect(), tunnel: 'ping' }] },
          http2Upstream: { a: [{ tunnel: true }] },
        },
        {
          name: 'the client ends its side',
          http2: { requests: [{ headers: connect(), tunnel: 'ping', tunnelEnds: 'half-close' }] },
          http2Upstream: { a: [{ tunnel: true }] },
        },
        {
          name: 'the upstream ends its side',
          http2: { requests: [{ headers: connect(), tunnel: 'ping', tunnelEnds: 'never' }] },
          http2Upstream: { a: [{ tunnel: true, tunnelEnds: 'half-close' }] },
        },
        {
          name: 'the upstream resets',
          http2: { requests: [{ headers: connect(), tunnel: 'ping', tunnelEnds: 'never' }] },
          http2Upstream: { a: [{ tunnel: true, tunnelEnds: 'reset' }] },
        },
        {
          name: 'refused',
          http2: { requests: [{ headers: connect(), open: true }] },
          http2Upstream: { a: [{ status: 403, early: true, body: 'no' }] },
        },
        {
          name: 'idle',
          http2: { requests: [{ headers: connect(), tunnel: 'ping', tunnelEnds: 'never' }] },
          http2Upstream: { a: [{ tunnel: true }] },
        },
      ],
    },
  ],
};
