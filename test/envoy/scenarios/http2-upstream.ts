import { type Area, reply } from '../harness/scenario.ts';

const EXPLICIT = (more = '', common = '') => `
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: {http2_protocol_options: {${more}}}
      common_http_protocol_options: {${common}}
`;
const GRPC = { ':method': 'POST', ':path': '/pkg.Service/Method', 'content-type': 'application/grpc', te: 'trailers' };
const MESSAGE = '\0\0\0\0\x02hi';

/** HTTP/2 upstream, and what becomes of messages between the versions. */
export const http2Upstream: Area = {
  name: 'http2-upstream',
  configurations: [
    {
      name: 'from HTTP/1 to HTTP/2',
      statsDiffer: {
        reason: 'Envoy counts a protocol error too when it closes a connection while it parses what came on it',
        changes: ['- cluster.a.upstream_cx_protocol_error: 1'],
      },
      upstreams: { a: 'http2' },
      cluster: { a: EXPLICIT() },
      hcm: '{http_protocol_options: {enable_trailers: true}, proxy_100_continue: true}',
      routes: `
        - {match: {prefix: /retry/refused}, route: {cluster: a, retry_policy: {retry_on: refused-stream, num_retries: 2}}}
        - {match: {prefix: /retry/reset}, route: {cluster: a, retry_policy: {retry_on: reset, num_retries: 1}}}
        - {match: {prefix: /timeout}, route: {cluster: a, timeout: 0.2s}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        {
          name: 'GET',
          send: {
            path: '/x',
            headers: [
              ['x-a', '1'],
              ['cookie', 'a=1; b=2'],
            ],
          },
        },
        { name: 'POST with a length', send: { method: 'POST', path: '/x', body: 'hello' } },
        { name: 'POST in chunks', send: { method: 'POST', path: '/x', chunks: ['he', 'llo'] } },
        { name: 'POST with trailers', send: { method: 'POST', path: '/x', chunks: ['he', 'llo'], trailers: [['x-t', '1']] } },
        { name: 'POST without a body', send: { method: 'POST', path: '/x', headers: [['content-length', '0']] } },
        { name: 'HEAD', send: { method: 'HEAD', path: '/x' }, http2Upstream: { a: [{ headers: { 'content-length': 5 }, body: '' }] } },
        { name: 'response trailers', send: { path: '/x' }, http2Upstream: { a: [{ trailers: { 'x-t': '1' } }] } },
        { name: 'response with a length', send: { path: '/x' }, http2Upstream: { a: [{ headers: { 'content-length': 3 }, body: 'abc' }] } },
        { name: '204', send: { path: '/x' }, http2Upstream: { a: [{ status: 204, body: '' }] } },
        { name: '304', send: { path: '/x' }, http2Upstream: { a: [{ status: 304, body: '' }] } },
        {
          name: 'interim response',
          send: { path: '/x' },
          http2Upstream: { a: [{ interim: { ':status': 103, link: 'x' } }] },
          differs: {
            reason: 'HTTP/2 has no reason phrases: Envoy knows none for 103, we write the registered one',
            changes: ['- HTTP/1.1 103 Unknown', '+ HTTP/1.1 103 Early Hints'],
          },
        },
        {
          name: 'fields of the client that HTTP/2 does not have',
          send: {
            path: '/x',
            headers: [
              ['keep-alive', '5'],
              ['te', 'trailers, gzip'],
              ['proxy-connection', 'x'],
              ['connection', 'x-b'],
              ['x-b', '1'],
            ],
          },
        },
        { name: 'set-cookie twice', send: { path: '/x' }, http2Upstream: { a: [{ headers: { 'set-cookie': ['a=1', 'b=2'] } }] } },
        { name: 'reset at once', send: { path: '/x' }, http2Upstream: { a: [{ reset: { code: 8, when: 'at once' } }] } },
        { name: 'refused', send: { path: '/x' }, http2Upstream: { a: [{ reset: { code: 7, when: 'at once' } }] } },
        {
          name: 'refused and tried again',
          send: { path: '/retry/refused' },
          http2Upstream: { a: [{ reset: { code: 7, when: 'at once' } }] },
        },
        { name: 'reset and tried again', send: { path: '/retry/reset' }, http2Upstream: { a: [{ reset: { code: 2, when: 'at once' } }] } },
        { name: 'reset in the answer', send: { path: '/x' }, http2Upstream: { a: [{ reset: { code: 2, when: 'after headers' } }] } },
        { name: 'GOAWAY with the answer', send: ['GET /1', 'GET /2'], http2Upstream: { a: [{ goAway: { last: 'this' } }] } },
        {
          name: 'GOAWAY instead of an answer, tried again',
          send: { path: '/retry/refused' },
          http2Upstream: { a: [{ goAway: { last: 'before' } }] },
        },
        { name: 'timeout', send: { path: '/timeout' }, http2Upstream: { a: [{ silent: true }] } },
        {
          name: 'an answer before the end of the request',
          send: { raw: 'POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc' },
          http2Upstream: { a: [{ early: true }] },
          closes: true,
        },
      ],
    },
    {
      name: 'from HTTP/2 to HTTP/2',
      upstreams: { a: 'http2' },
      cluster: { a: 'http2_protocol_options: {}' },
      routes: `
        - {match: {prefix: /retry}, route: {cluster: a, retry_policy: {retry_on: "unavailable,refused-stream", num_retries: 2}}}
        - {match: {prefix: /timeout}, route: {cluster: a, timeout: 0.2s}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'GET', http2: { requests: [{ headers: { ':path': '/x' } }] } },
        {
          name: 'trailers both ways',
          http2: { requests: [{ headers: { ':method': 'POST' }, body: 'x', trailers: { 'x-t': '1' } }] },
          http2Upstream: { a: [{ trailers: { 'x-u': '2' } }] },
        },
        {
          name: 'several on one connection',
          http2: { requests: [{ headers: { ':path': '/1' } }, { headers: { ':path': '/2' } }, { headers: { ':path': '/3' } }] },
        },
        {
          name: 'gRPC',
          http2: { requests: [{ headers: GRPC, body: MESSAGE }] },
          http2Upstream: { a: [{ headers: { 'content-type': 'application/grpc' }, body: MESSAGE, trailers: { 'grpc-status': '0' } }] },
        },
        {
          name: 'gRPC, trailers only',
          http2: { requests: [{ headers: GRPC, body: MESSAGE }] },
          http2Upstream: { a: [{ headers: { 'content-type': 'application/grpc', 'grpc-status': '12', 'grpc-message': 'no' }, body: '' }] },
        },
        {
          name: 'gRPC, tried again',
          http2: { requests: [{ headers: { ...GRPC, ':path': '/retry/x' }, body: MESSAGE }] },
          http2Upstream: { a: [{ headers: { 'content-type': 'application/grpc', 'grpc-status': '14' }, body: '' }] },
        },
        {
          name: 'gRPC, reset',
          http2: { requests: [{ headers: GRPC, body: MESSAGE }] },
          http2Upstream: { a: [{ reset: { code: 2, when: 'at once' } }] },
        },
        {
          name: 'gRPC, reset in the answer',
          http2: { requests: [{ headers: GRPC, body: MESSAGE }] },
          http2Upstream: { a: [{ headers: { 'content-type': 'application/grpc' }, reset: { code: 8, when: 'after headers' } }] },
        },
        {
          name: 'gRPC, timeout',
          http2: { requests: [{ headers: { ...GRPC, ':path': '/timeout' }, body: MESSAGE }] },
          http2Upstream: { a: [{ silent: true }] },
        },
        {
          name: 'reset by the client',
          http2: { requests: [{ headers: { ':method': 'POST' }, body: 'x', open: true, reset: { code: 8, when: 'sent' } }] },
          http2Upstream: { a: [{ silent: true }] },
        },
        {
          name: 'reset by the client in the answer',
          http2: { requests: [{ headers: { ':method': 'POST' }, body: 'x', open: true, reset: { code: 8, when: 'answered' } }] },
          http2Upstream: { a: [{ early: true, tunnel: true }] },
        },
        {
          name: 'HEAD',
          http2: { requests: [{ headers: { ':method': 'HEAD' } }] },
          http2Upstream: { a: [{ headers: { 'content-length': 5 }, body: '' }] },
        },
        { name: 'cookies', http2: { requests: [{ headers: { cookie: ['a=1', 'b=2'] } }] } },
      ],
    },
    {
      name: 'upgrades',
      upstreams: { a: 'http2', b: 'http' },
      cluster: { a: EXPLICIT('allow_connect: true') },
      hcm: '{upgrade_configs: [{upgrade_type: websocket}], http2_protocol_options: {allow_connect: true}}',
      routes: `
        - {match: {prefix: /b}, route: {cluster: b}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        {
          name: 'WebSocket from HTTP/1 to HTTP/2',
          send: [
            { raw: 'GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n' },
            { raw: 'ping', payload: 4 },
          ],
          http2Upstream: { a: [{ tunnel: true, headers: { 'sec-websocket-accept': 'x' } }] },
        },
        {
          name: 'WebSocket from HTTP/1 to HTTP/2, refused',
          send: { raw: 'GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n' },
          http2Upstream: { a: [{ status: 403, early: true, body: 'no' }] },
        },
        {
          name: 'WebSocket from HTTP/2 to HTTP/2',
          http2: {
            requests: [
              {
                headers: {
                  ':method': 'CONNECT',
                  ':protocol': 'websocket',
                  ':path': '/ws',
                  ':scheme': 'http',
                  'sec-websocket-version': '13',
                },
                tunnel: 'ping',
              },
            ],
          },
          http2Upstream: { a: [{ tunnel: true }] },
        },
        { name: 'the same connection carries requests', http2: { requests: [{ headers: {} }] } },
        {
          name: 'an HTTP/1 cluster beside',
          http2: { requests: [{ headers: { ':path': '/b' } }] },
          upstream: { b: [reply({ body: 'x' })] },
        },
      ],
    },
    {
      name: 'as downstream',
      upstreams: { a: 'http2', b: 'http' },
      cluster: {
        a: `
          typed_extension_protocol_options:
            envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
              "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
              use_downstream_protocol_config: {http_protocol_options: {}, http2_protocol_options: {}}
        `,
        b: `
          typed_extension_protocol_options:
            envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
              "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
              use_downstream_protocol_config: {http_protocol_options: {}}
        `,
      },
      routes: `
        - {match: {prefix: /b}, route: {cluster: b}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'HTTP/2', http2: { requests: [{ headers: {} }] } },
        { name: 'HTTP/1', send: 'GET /b' },
      ],
    },
    {
      name: 'limits',
      statsDiffer: {
        reason: 'Envoy counts a protocol error too when it closes a connection while it parses what came on it',
        changes: ['- cluster.a.upstream_cx_protocol_error: 1'],
      },
      upstreams: { a: 'http2' },
      cluster: {
        a: `${EXPLICIT('max_concurrent_streams: 1, connection_keepalive: {interval: 5s, timeout: 1s}', 'max_requests_per_connection: 2')}
  circuit_breakers: {thresholds: [{max_requests: 3}]}`,
      },
      cases: [{ name: 'two requests a connection', http2: { requests: [{ headers: {} }, { headers: {} }, { headers: {} }] } }],
    },
  ],
};
