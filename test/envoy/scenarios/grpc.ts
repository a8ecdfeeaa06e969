import type { Http2Reply } from '../harness/http2-upstream.ts';
import type { Area, Request } from '../harness/scenario.ts';

const T = 'type.googleapis.com/envoy.extensions.filters.http';
const PLAIN = `[{match: {prefix: /}, route: {cluster: a}}]`;
const H2 = { a: 'http2_protocol_options: {}' };
const UPSTREAMS = { a: 'http2' } as const;
const frame = (message: string, flags = 0): string =>
  String.fromCharCode(flags, 0, 0, message.length >> 8, message.length & 0xff) + message;
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const GRPC: Http2Reply = { headers: { 'content-type': 'application/grpc' }, body: frame('pong'), trailers: { 'grpc-status': '0' } };
const failing = (status: string, message?: string): Http2Reply => ({
  headers: { 'content-type': 'application/grpc' },
  body: '',
  trailers: { 'grpc-status': status, ...(message === undefined ? {} : { 'grpc-message': message }) },
});
const TRAILERS_ONLY: Http2Reply = { headers: { 'content-type': 'application/grpc', 'grpc-status': '7', 'grpc-message': 'no' }, body: '' };
const call = (type: string, body: string, path = '/pkg.Svc/Get', ...headers: (readonly [string, string])[]): Request => ({
  method: 'POST',
  path,
  headers: [['content-type', type], ...headers],
  body,
});
const over2 = (path: string, body: string, type = 'application/grpc') => ({
  headers: { ':method': 'POST', ':path': path, 'content-type': type, te: 'trailers' },
  body,
});

const stats = (fields: string) => `[{name: s, typed_config: {"@type": ${T}.grpc_stats.v3.FilterConfig, ${fields}}}]`;
const bridge = (fields = '') => `[{name: b, typed_config: {"@type": ${T}.grpc_http1_bridge.v3.Config, ${fields}}}]`;
const WEB = `[{name: w, typed_config: {"@type": ${T}.grpc_web.v3.GrpcWeb}}]`;

/** Filters for gRPC. */
export const grpc: Area = {
  name: 'grpc',
  configurations: [
    ...[
      ['stats of all methods', 'stats_for_all_methods: true, emit_filter_state: true, enable_upstream_stats: true'],
      ['stats of some methods', 'individual_method_stats_allowlist: {services: [{name: pkg.Svc, method_names: [Get]}]}'],
      ['stats of calls together', ''],
      ['stats without dots', 'stats_for_all_methods: true, replace_dots_in_grpc_service_name: true'],
    ].map(([name, fields]) => ({
      name: name!,
      upstreams: UPSTREAMS,
      cluster: H2,
      routes: PLAIN,
      filters: stats(fields!),
      logFormat: '%RESPONSE_CODE% %GRPC_STATUS% %FILTER_STATE(envoy.filters.http.grpc_stats:TYPED)%',
      cases: [
        { name: 'a call', http2: { requests: [over2('/pkg.Svc/Get', frame('ping'))] }, http2Upstream: { a: [GRPC] } },
        {
          name: 'several messages',
          http2: { requests: [over2('/pkg.Svc/Stream', frame('1') + frame('') + frame('3'))] },
          http2Upstream: { a: [{ ...GRPC, body: frame('a') + frame('b'.repeat(300)) }] },
        },
        { name: 'failure', http2: { requests: [over2('/pkg.Svc/Get', frame('x'))] }, http2Upstream: { a: [failing('5', 'gone')] } },
        { name: 'in headers only', http2: { requests: [over2('/pkg.Svc/Get', frame('x'))] }, http2Upstream: { a: [TRAILERS_ONLY] } },
        { name: 'no method', http2: { requests: [over2('/pkg.Svc', frame('x'))] }, http2Upstream: { a: [GRPC] } },
        { name: 'no gRPC', http2: { requests: [over2('/pkg.Svc/Get', 'x', 'text/plain')] } },
        {
          name: 'a status that is no number',
          http2: { requests: [over2('/pkg.Svc/Get', frame('x'))] },
          http2Upstream: { a: [failing('odd')] },
        },
      ],
    })),
    {
      name: 'bridge from HTTP/1',
      upstreams: UPSTREAMS,
      cluster: H2,
      routes: PLAIN,
      filters: bridge('ignore_query_parameters: true'),
      cases: [
        { name: 'a call', send: call('application/grpc', frame('ping')), http2Upstream: { a: [GRPC] } },
        { name: 'failure', send: call('application/grpc', frame('ping')), http2Upstream: { a: [failing('5', 'gone')] } },
        {
          name: 'failure with a body',
          send: call('application/grpc', frame('ping')),
          http2Upstream: { a: [{ ...GRPC, trailers: { 'grpc-status': '13' } }] },
        },
        { name: 'in headers only', send: call('application/grpc', frame('ping')), http2Upstream: { a: [TRAILERS_ONLY] } },
        {
          name: 'without trailers',
          send: call('application/grpc', frame('ping')),
          http2Upstream: { a: [{ headers: { 'content-type': 'application/grpc' }, body: 'x' }] },
        },
        { name: 'query', send: call('application/grpc', frame('ping'), '/pkg.Svc/Get?a=b'), http2Upstream: { a: [GRPC] } },
        {
          name: 'no gRPC',
          send: call('text/plain', 'x', '/x?y=1'),
          http2Upstream: { a: [{ ...GRPC, headers: { 'content-type': 'text/plain' } }] },
        },
        { name: 'over HTTP/2', http2: { requests: [over2('/pkg.Svc/Get?a', frame('ping'))] }, http2Upstream: { a: [failing('5')] } },
        { name: 'bare protobuf, not asked for', send: call('application/x-protobuf', 'ping'), http2Upstream: { a: [GRPC] } },
      ],
    },
    {
      name: 'bridge from bare protobuf',
      upstreams: UPSTREAMS,
      cluster: H2,
      routes: PLAIN,
      filters: bridge('upgrade_protobuf_to_grpc: true'),
      cases: [
        { name: 'a call', send: call('application/x-protobuf', 'ping', '/pkg.Svc/Get?q=1'), http2Upstream: { a: [GRPC] } },
        { name: 'failure', send: call('application/x-protobuf', 'ping'), http2Upstream: { a: [failing('5', 'gone')] } },
        { name: 'in headers only', send: call('application/x-protobuf', 'ping'), http2Upstream: { a: [TRAILERS_ONLY] } },
        {
          name: 'in chunks',
          send: { method: 'POST', path: '/pkg.Svc/Get', headers: [['content-type', 'application/x-protobuf']], chunks: ['pi', 'ng'] },
          http2Upstream: { a: [GRPC] },
        },
        { name: 'an empty message', send: call('application/x-protobuf', ''), http2Upstream: { a: [GRPC] } },
        { name: 'gRPC', send: call('application/grpc', frame('ping')), http2Upstream: { a: [GRPC] } },
      ],
    },
    {
      name: 'gRPC-Web',
      upstreams: UPSTREAMS,
      cluster: H2,
      routes: `[{match: {prefix: /local}, direct_response: {status: 503, body: {inline_string: "not 50% there"}}}, {match: {prefix: /}, route: {cluster: a}}]`,
      filters: WEB,
      logFormat: '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %GRPC_STATUS% %BYTES_RECEIVED% %BYTES_SENT%',
      cases: [
        { name: 'a call', send: call('application/grpc-web', frame('ping')), http2Upstream: { a: [GRPC] } },
        {
          name: 'protobuf',
          send: call('application/grpc-web+proto', frame('ping'), '/pkg.Svc/Get', ['accept', 'application/grpc-web+proto'], ['te', 'x']),
          http2Upstream: { a: [GRPC] },
        },
        {
          name: 'text',
          send: call('application/grpc-web-text', base64(frame('ping')), '/pkg.Svc/Get', ['accept', 'application/grpc-web-text']),
          http2Upstream: { a: [{ ...GRPC, body: frame('one') + frame('three') }] },
        },
        {
          name: 'text for binary',
          send: call('application/grpc-web', frame('ping'), '/pkg.Svc/Get', ['accept', 'application/grpc-web-text+proto']),
          http2Upstream: { a: [GRPC] },
        },
        {
          name: 'binary for text',
          send: call('application/grpc-web-text+proto', base64(frame('pi')), '/pkg.Svc/Get'),
          http2Upstream: { a: [GRPC] },
        },
        {
          name: 'text in pieces',
          send: {
            method: 'POST',
            path: '/pkg.Svc/Get',
            headers: [['content-type', 'application/grpc-web-text']],
            chunks: ['AA', 'AAAARwaW5', 'n'],
          },
          http2Upstream: { a: [GRPC] },
        },
        {
          name: 'text that is cut off',
          send: {
            raw: [
              'POST /pkg.Svc/Get HTTP/1.1\r\nhost: h\r\ncontent-type: application/grpc-web-text\r\ntransfer-encoding: chunked\r\n\r\n4\r\nAAAA\r\n',
              '3\r\nAAR\r\n',
              '0\r\n\r\n',
            ],
          },
          http2Upstream: { a: [GRPC] },
        },
        {
          name: 'text that is none',
          send: {
            raw: 'POST /pkg.Svc/Get HTTP/1.1\r\nhost: h\r\ncontent-type: application/grpc-web-text\r\ncontent-length: 8\r\n\r\n$%^&',
          },
          closes: true,
          http2Upstream: { a: [GRPC] },
        },
        { name: 'no text', send: call('application/grpc-web-text', ''), http2Upstream: { a: [GRPC] } },
        { name: 'failure', send: call('application/grpc-web', frame('ping')), http2Upstream: { a: [failing('5', 'gone')] } },
        {
          name: 'more trailers',
          send: call('application/grpc-web', frame('ping')),
          http2Upstream: { a: [{ ...GRPC, trailers: { 'grpc-status': '0', 'x-a': 'b' } }] },
        },
        { name: 'in headers only', send: call('application/grpc-web', frame('ping')), http2Upstream: { a: [TRAILERS_ONLY] } },
        {
          name: 'in headers only, text',
          send: call('application/grpc-web-text', base64(frame('ping')), '/pkg.Svc/Get', ['accept', 'application/grpc-web-text']),
          http2Upstream: { a: [TRAILERS_ONLY] },
        },
        {
          name: 'an answer that is no gRPC',
          send: call('application/grpc-web', frame('ping')),
          http2Upstream: { a: [{ status: 404, headers: { 'content-type': 'text/html' }, body: 'not 100% found' }] },
        },
        {
          name: 'an answer without body that is no gRPC',
          send: call('application/grpc-web', frame('ping')),
          http2Upstream: { a: [{ status: 403, body: '' }] },
        },
        { name: 'a reply of the proxy', send: call('application/grpc-web', frame('ping'), '/local') },
        { name: 'plain gRPC', http2: { requests: [over2('/pkg.Svc/Get', frame('ping'))] }, http2Upstream: { a: [GRPC] } },
        {
          name: 'over HTTP/2',
          http2: { requests: [over2('/pkg.Svc/Get', frame('ping'), 'application/grpc-web')] },
          http2Upstream: { a: [GRPC] },
        },
        { name: 'another type', send: call('application/grpc-web+json', 'x') },
        { name: 'no method', send: call('application/grpc-web', frame('ping'), '/odd'), http2Upstream: { a: [GRPC] } },
      ],
    },
  ],
};
