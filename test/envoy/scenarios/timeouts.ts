import { type Area, after, bytes, get, reply, silence, steps } from '../harness/scenario.ts';

const TRUSTED = '{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 0.0.0.0, prefix_len: 0}]}}';

/** Every timer that can end a request, kept short. */
export const timeouts: Area = {
  name: 'timeouts',
  configurations: [
    {
      name: 'route timeout',
      routes: '- {match: {prefix: /none}, route: {cluster: a, timeout: 0s}}\n- {match: {prefix: /}, route: {cluster: a, timeout: 0.150s}}',
      cases: [
        { name: 'no response', send: 'GET /', upstream: { a: [silence] } },
        { name: 'a response in time', send: 'GET /', upstream: { a: [after(20, reply())] } },
        {
          name: 'the response has started',
          send: 'GET /',
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')] },
          closes: true,
        },
        { name: 'HEAD', send: 'HEAD /', upstream: { a: [silence] } },
        { name: 'gRPC', send: { method: 'POST', headers: [['content-type', 'application/grpc']], body: 'x' }, upstream: { a: [silence] } },
        { name: 'disabled', send: 'GET /none', upstream: { a: [after(200, reply())] } },
        {
          name: 'counts from the end of the request',
          send: { raw: ['POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na', 'b'] },
          upstream: { a: [after(20, reply())] },
        },
      ],
    },
    {
      name: 'time-outs asked for by headers',
      hcm: TRUSTED,
      cases: [
        { name: 'overall', send: get('/', ['x-envoy-upstream-rq-timeout-ms', '120']), upstream: { a: [silence] } },
        { name: 'per try', send: get('/', ['x-envoy-upstream-rq-per-try-timeout-ms', '120']), upstream: { a: [silence] } },
        {
          name: 'per try not below overall',
          send: get('/', ['x-envoy-upstream-rq-timeout-ms', '120'], ['x-envoy-upstream-rq-per-try-timeout-ms', '300']),
          upstream: { a: [silence] },
        },
        {
          name: 'a 204 instead',
          send: get('/', ['x-envoy-upstream-rq-timeout-ms', '120'], ['x-envoy-upstream-rq-timeout-alt-response', '1']),
          upstream: { a: [silence] },
        },
        { name: 'none', send: get('/', ['x-envoy-upstream-rq-timeout-ms', '0']) },
        { name: 'nonsense', send: get('/', ['x-envoy-upstream-rq-timeout-ms', 'soon']) },
      ],
    },
    {
      name: 'expected time-out of the caller',
      hcm: TRUSTED,
      router: '{respect_expected_rq_timeout: true}',
      cases: [
        {
          name: 'wins over the other header',
          send: get('/', ['x-envoy-expected-rq-timeout-ms', '1200'], ['x-envoy-upstream-rq-timeout-ms', '3000']),
        },
      ],
    },
    {
      name: 'strictly checked headers',
      hcm: TRUSTED,
      router:
        '{strict_check_headers: [x-envoy-upstream-rq-timeout-ms, x-envoy-upstream-rq-per-try-timeout-ms, x-envoy-max-retries, x-envoy-retry-on, x-envoy-retry-grpc-on]}',
      cases: [
        { name: 'a bad number', send: get('/', ['x-envoy-upstream-rq-timeout-ms', 'soon']) },
        { name: 'a bad token', send: get('/', ['x-envoy-retry-on', '5xx,whatever']) },
        { name: 'valid ones', send: get('/', ['x-envoy-max-retries', '1'], ['x-envoy-retry-on', '5xx']) },
      ],
    },
    {
      name: 'stream idle timeout',
      hcm: '{stream_idle_timeout: 0.150s}',
      routes:
        '- {match: {prefix: /route}, route: {cluster: a, idle_timeout: 0.080s}}\n' +
        '- {match: {prefix: /never}, route: {cluster: a, idle_timeout: 0s}}\n- {match: {prefix: /}, route: {cluster: a}}',
      cases: [
        { name: 'waiting for the rest of the head', send: { raw: 'GET / HTTP/1.1\r\nHos' } },
        {
          name: 'a route without, on a connection used before',
          send: ['GET /', 'GET /never'],
          upstream: { a: [reply(), after(250, reply())] },
        },
        { name: 'waiting for the response', send: 'GET /', upstream: { a: [silence] } },
        { name: 'waiting for the body', send: { raw: 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab' } },
        { name: 'the route has its own', send: 'GET /route', upstream: { a: [silence] } },
        {
          name: 'a response that stops',
          send: 'GET /',
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')] },
          closes: true,
        },
        {
          name: 'activity restarts it',
          send: 'GET /',
          upstream: {
            a: [
              steps({ send: 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na' }, { delay: 90 }, { send: 'b' }, { delay: 90 }, { send: 'c' }),
            ],
          },
        },
      ],
    },
    {
      name: 'request timeout',
      hcm: '{request_timeout: 0.150s}',
      cases: [
        { name: 'the body does not come', send: { raw: 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab' } },
        { name: 'ends with the request', send: 'GET /', upstream: { a: [after(200, reply())] } },
      ],
    },
    {
      name: 'request headers timeout',
      hcm: '{request_headers_timeout: 0.150s}',
      cases: [
        { name: 'the head does not end', send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\n' }, closes: true },
        { name: 'a head in time', send: { raw: ['GET / HTTP/1.1\r\nHost: h\r\n', '\r\n'] } },
      ],
    },
    {
      name: 'max stream duration',
      hcm: '{common_http_protocol_options: {max_stream_duration: 0.150s}}',
      routes: `
        - {match: {prefix: /route}, route: {cluster: a, max_stream_duration: {max_stream_duration: 0.080s}}}
        - {match: {prefix: /off}, route: {cluster: a, max_stream_duration: {max_stream_duration: 0s}}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'no response', send: 'GET /', upstream: { a: [silence] } },
        { name: 'no body', send: { raw: 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab' } },
        {
          name: 'a response that goes on',
          send: 'GET /',
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')] },
          closes: true,
        },
        { name: 'the route has its own', send: 'GET /route', upstream: { a: [silence] } },
        { name: 'the route has none', send: 'GET /off', upstream: { a: [after(200, reply())] } },
        { name: 'gRPC', send: { method: 'POST', headers: [['content-type', 'application/grpc']], body: 'x' }, upstream: { a: [silence] } },
      ],
    },
    {
      name: 'max stream duration of the cluster',
      cluster: {
        a: `
          typed_extension_protocol_options:
            envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
              "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
              common_http_protocol_options: {max_stream_duration: 0.150s}
              explicit_http_config: {http_protocol_options: {}}
        `,
      },
      cases: [{ name: 'no response', send: 'GET /', upstream: { a: [silence] } }],
    },
    {
      name: 'gRPC deadline',
      routes: `
        - {match: {prefix: /max}, route: {cluster: a, max_stream_duration: {grpc_timeout_header_max: 0.150s}}}
        - {match: {prefix: /old}, route: {cluster: a, max_grpc_timeout: 0.150s}}
        - {match: {prefix: /offset}, route: {cluster: a, max_stream_duration: {grpc_timeout_header_max: 10s, grpc_timeout_header_offset: 0.100s}}}
      `,
      cases: [
        { name: 'of the header', send: grpc('/max', '120m'), upstream: { a: [silence] } },
        { name: 'capped', send: grpc('/max', '10S'), upstream: { a: [silence] } },
        { name: 'old style', send: grpc('/old', '10S'), upstream: { a: [silence] } },
        { name: 'with an offset', send: grpc('/offset', '250m'), upstream: { a: [silence] } },
      ],
    },
    {
      name: 'idle connection',
      hcm: '{common_http_protocol_options: {idle_timeout: 0.150s}, drain_timeout: 0.100s}',
      cases: [{ name: 'closed after a while', send: 'GET /', closes: true }],
    },
    {
      name: 'connect timeout',
      routes: '- {match: {prefix: /}, route: {cluster: far}}',
      clusters: `
        - name: far
          connect_timeout: 0.150s
          load_assignment: {cluster_name: far, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 192.0.2.1, port_value: 9}}}}]}]}
      `,
      cases: [{ name: 'nobody answers', send: 'GET /' }],
    },
  ],
};

function grpc(path: string, timeout: string) {
  return {
    method: 'POST',
    path,
    headers: [
      ['content-type', 'application/grpc'],
      ['grpc-timeout', timeout],
    ] as const,
    body: 'x',
  };
}
