import { type Area, bytes, type Case, type Configuration, closing, early, reply, says, silence, steps } from '../harness/scenario.ts';

const UPGRADE = (type: string, more = '') => `GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: ${type}\r\n${more}\r\n`;
const SWITCH = steps(
  { send: 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n' },
  { tunnel: true },
);

const TYPE = 'type.googleapis.com/envoy.extensions';
const STATE = '%FILTER_STATE(envoy.tcp_proxy.propagate_response_headers)%';
const tunnelled = (fields: string, more = '') =>
  `[{name: envoy.filters.network.tcp_proxy, typed_config: {"@type": ${TYPE}.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: a, tunneling_config: {${fields}}${more}, access_log: [{name: envoy.access_loggers.file, typed_config: {"@type": ${TYPE}.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "in=%BYTES_RECEIVED% out=%BYTES_SENT% %RESPONSE_FLAGS% %UPSTREAM_HOST% %UPSTREAM_CLUSTER% %UPSTREAM_TRANSPORT_FAILURE_REASON% %UPSTREAM_REQUEST_ATTEMPT_COUNT% ${STATE}\\n"}}}}]}}]`;
const ACCEPT = steps({ send: 'HTTP/1.1 200 OK\r\nx-tunnel: yes\r\n\r\n' }, { tunnel: true });
const hello: Pick<Case, 'tcp' | 'send'> = {
  tcp: true,
  send: [
    { raw: 'hello', payload: 5 },
    { raw: 'again', payload: 5 },
  ],
};

/** tcp_proxy with tunneling_config. */
const tunnelling: readonly Configuration[] = [
  {
    name: 'TCP in a CONNECT',
    networkFilters: tunnelled('hostname: "target.test:443"'),
    statsDiffer: {
      reason: 'the upstream ended two of these connections first; Envoy counts that it then reset their streams itself',
      changes: [
        '- cluster.a.upstream_cx_destroy_local: 6',
        '- cluster.a.upstream_cx_destroy_local_with_active_rq: 6',
        '+ cluster.a.upstream_cx_destroy_local: 4',
        '+ cluster.a.upstream_cx_destroy_local_with_active_rq: 4',
        '+ cluster.a.upstream_cx_destroy_remote: 2',
        '+ cluster.a.upstream_cx_destroy_remote_with_active_rq: 2',
      ],
    },
    cases: [
      { name: 'accepted', ...hello, upstream: { a: [ACCEPT] } },
      { name: 'accepted with 204', ...hello, upstream: { a: [steps({ send: 'HTTP/1.1 204 Fine\r\n\r\n' }, { tunnel: true })] } },
      {
        name: 'refused',
        tcp: true,
        send: { raw: 'hello', responses: 0 },
        upstream: { a: [reply({ status: '403 Forbidden', body: 'no' })] },
        closes: true,
      },
      { name: 'hung up', tcp: true, send: { raw: 'hello', responses: 0 }, upstream: { a: [closing(silence)] }, closes: true },
      {
        name: 'closed by the upstream',
        tcp: true,
        send: { raw: '', responses: 0 },
        upstream: { a: [closing(ACCEPT.slice(0, 1))] },
        closes: true,
      },
      {
        name: 'the upstream speaks first',
        tcp: true,
        send: { raw: '', payload: 4 },
        upstream: { a: [steps({ send: 'HTTP/1.1 200 OK\r\n\r\nhelo' }, { tunnel: true })] },
      },
    ],
  },
  {
    name: 'TCP in a CONNECT with headers',
    networkFilters: tunnelled(
      'hostname: "%REQUESTED_SERVER_NAME%.%DYNAMIC_METADATA(a:b)%x:%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", propagate_response_headers: true, headers_to_add: [{header: {key: x-from, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}, {header: {key: x-fixed, value: a}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]',
    ),
    cases: [
      { name: 'accepted', ...hello, upstream: { a: [ACCEPT] } },
      {
        name: 'refused',
        tcp: true,
        send: { raw: 'hello', responses: 0 },
        upstream: { a: [reply({ status: '403 Forbidden', headers: [['x-why', 'so']] })] },
        closes: true,
      },
    ],
  },
  {
    name: 'TCP in a CONNECT, several attempts',
    networkFilters: tunnelled('hostname: "target.test:443"', ', max_connect_attempts: 3'),
    cases: [
      {
        name: 'the second is accepted',
        ...hello,
        upstream: { a: [reply({ status: '503 No', body: 'x' }), ACCEPT] },
      },
      {
        name: 'none is',
        tcp: true,
        send: { raw: 'hello', responses: 0 },
        upstream: { a: [reply({ status: '503 No' }), reply({ status: '500 No' }), reply({ status: '404 No' })] },
        closes: true,
      },
    ],
  },
  {
    name: 'TCP in a POST',
    networkFilters: tunnelled('hostname: "target.test", use_post: true, post_path: "/tunnel?x=1"'),
    cases: [
      {
        name: 'refused',
        tcp: true,
        send: { raw: 'hello', responses: 0 },
        upstream: { a: [early(reply({ status: '403 Forbidden', body: 'no' }))] },
        closes: true,
      },
    ],
  },
  {
    name: 'TCP in a CONNECT of HTTP/2',
    upstreams: { a: 'http2' },
    cluster: { a: 'http2_protocol_options: {}' },
    networkFilters: tunnelled('hostname: "target.test:443", propagate_response_headers: true'),
    cases: [
      { name: 'accepted', ...hello, http2Upstream: { a: [{ tunnel: true, headers: { 'x-tunnel': 'yes' } }] } },
      {
        name: 'refused',
        tcp: true,
        send: { raw: 'hello', responses: 0 },
        http2Upstream: { a: [{ status: 403, early: true }] },
        closes: true,
      },
      {
        name: 'reset',
        tcp: true,
        send: { raw: 'hello', responses: 0 },
        http2Upstream: { a: [{ reset: { code: 7, when: 'at once' }, early: true }] },
        closes: true,
      },
    ],
  },
  {
    name: 'TCP in a POST of HTTP/2',
    upstreams: { a: 'http2' },
    cluster: { a: 'http2_protocol_options: {}' },
    networkFilters: tunnelled('hostname: "target.test", use_post: true, headers_to_add: [{header: {key: x-a, value: "1"}}]'),
    cases: [{ name: 'accepted', ...hello, http2Upstream: { a: [{ tunnel: true, early: true }] } }],
  },
  {
    name: 'TCP in a CONNECT to a dead port',
    networkFilters: tunnelled('hostname: "target.test:443"').replace('cluster: a', 'cluster: dead'),
    clusters: `[{name: dead, connect_timeout: 1s, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}}]`,
    cases: [{ name: 'closed', tcp: true, send: { raw: 'hi', responses: 0 }, closes: true }],
  },
];

/** Upgrades and CONNECT. */
export const tunnels: Area = {
  name: 'tunnels',
  configurations: [
    {
      name: 'WebSocket allowed',
      hcm: '{upgrade_configs: [{upgrade_type: websocket}]}',
      routes: `
        - {match: {prefix: /ws/off}, route: {cluster: a, upgrade_configs: [{upgrade_type: websocket, enabled: false}]}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        {
          name: 'bytes both ways',
          send: [{ raw: UPGRADE('websocket', 'Sec-WebSocket-Key: k\r\n') }, { raw: 'ping', payload: 4 }, { raw: 'pong', payload: 4 }],
          upstream: { a: [SWITCH] },
        },
        { name: 'in another case', send: [{ raw: UPGRADE('WebSocket') }, { raw: 'abc', payload: 3 }], upstream: { a: [SWITCH] } },
        {
          name: 'refused by the upstream',
          send: { raw: UPGRADE('websocket') },
          upstream: { a: [reply({ status: '403 Forbidden', body: 'no' })] },
        },
        { name: 'answered 200', send: { raw: UPGRADE('websocket') }, upstream: { a: [reply({ body: 'fine' })] } },
        {
          name: 'closed by the upstream',
          send: { raw: UPGRADE('websocket') },
          upstream: { a: [closing([...SWITCH.slice(0, 1)])] },
          closes: true,
        },
        { name: 'another protocol', send: { raw: UPGRADE('h2c') } },
        { name: 'switched off on the route', send: { raw: UPGRADE('websocket').replace('/ws', '/ws/off') } },
        { name: 'Upgrade without Connection', send: { raw: 'GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n' } },
        { name: 'no answer', send: { raw: UPGRADE('websocket', '') }, upstream: { a: [closing(silence)] } },
        {
          name: 'half-closed by the client',
          send: [{ raw: UPGRADE('websocket') }, { raw: 'bye', payload: 3 }, { raw: '', responses: 0, afterwards: 'half-close' }],
          upstream: { a: [SWITCH] },
          closes: true,
        },
      ],
    },
    {
      name: 'no upgrades',
      cases: [{ name: 'refused', send: { raw: UPGRADE('websocket') } }],
    },
    {
      name: 'upgrades of the route only',
      routes: `
        - {match: {prefix: /ws}, route: {cluster: a, upgrade_configs: [{upgrade_type: foo}]}}
        - {match: {prefix: /}, ${says('x')}}
      `,
      cases: [
        { name: 'its own type', send: [{ raw: UPGRADE('foo') }, { raw: 'abc', payload: 3 }], upstream: { a: [SWITCH] } },
        { name: 'another type', send: { raw: UPGRADE('bar') } },
      ],
    },
    {
      name: 'CONNECT terminated here',
      upstreams: { a: 'http', t: 'tcp' },
      hcm: '{upgrade_configs: [{upgrade_type: CONNECT}]}',
      routes: `
        - {match: {connect_matcher: {}}, route: {cluster: t, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        {
          name: 'bytes both ways',
          send: [{ raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n' }, { raw: 'hello', payload: 5 }],
        },
        { name: 'other requests', send: 'GET /' },
        {
          name: 'early data',
          send: { raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\nearly', payload: 5, responses: 1 },
        },
      ],
    },
    {
      name: 'CONNECT and POST terminated here',
      statsDiffer: {
        reason: 'a TCP connection of ours is in use until it closes; Envoy gives it back when a POST has ended both ways',
        changes: [
          '- cluster.t.upstream_cx_destroy_with_active_rq: 1',
          '+ cluster.t.upstream_cx_destroy_remote_with_active_rq: 1',
          '+ cluster.t.upstream_cx_destroy_with_active_rq: 2',
        ],
      },
      upstreams: { a: 'http', t: 'tcp' },
      hcm: '{upgrade_configs: [{upgrade_type: CONNECT}]}',
      routes: `
        - {match: {connect_matcher: {}}, route: {cluster: t, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {allow_post: true}}]}}
        - {match: {path: /post}, route: {cluster: t, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {allow_post: true}}]}}
        - {match: {path: /only}, route: {cluster: a, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        {
          name: 'CONNECT',
          send: [{ raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n' }, { raw: 'hello', payload: 5 }],
        },
        { name: 'POST', send: { method: 'POST', path: '/post', body: 'hello' } },
        { name: 'GET on that route', send: { path: '/only' } },
        { name: 'POST without allow_post', send: { method: 'POST', path: '/only', body: 'hello' } },
      ],
    },
    {
      name: 'CONNECT passed on',
      hcm: '{upgrade_configs: [{upgrade_type: CONNECT}]}',
      routes: '- {match: {connect_matcher: {}}, route: {cluster: a}}',
      cases: [
        {
          name: 'accepted',
          send: [{ raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n' }, { raw: 'hello', payload: 5 }],
          upstream: { a: [steps({ send: 'HTTP/1.1 200 OK\r\n\r\n' }, { tunnel: true })] },
        },
        {
          name: 'refused',
          send: { raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n' },
          upstream: { a: [bytes('HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n')] },
        },
        { name: 'no route', send: 'GET /' },
      ],
    },
    {
      name: 'CONNECT not allowed',
      cases: [{ name: 'refused', send: { raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n' } }],
    },
    ...tunnelling,
  ],
};
