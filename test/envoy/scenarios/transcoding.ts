import { SHOP_DESCRIPTOR } from '../../support/shop-descriptor.ts';
import type { Http2Reply } from '../harness/http2-upstream.ts';
import type { Area, Request } from '../harness/scenario.ts';

const T = 'type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder';
const transcoder = (fields = '') =>
  `[{name: t, typed_config: {"@type": ${T}, proto_descriptor_bin: "${SHOP_DESCRIPTOR}", services: [shop.Shop], ${fields}}}]`;
const frame = (message: string, flags = 0): string =>
  String.fromCharCode(flags, 0, 0, message.length >> 8, message.length & 0xff) + message;
/** A length-delimited field. */
const text = (field: number, value: string): string => String.fromCharCode((field << 3) | 2, value.length) + value;
const number = (field: number, value: number): string => String.fromCharCode(field << 3, value);

const BOOK =
  text(1, 'b1') +
  text(2, 'Emma') +
  number(3, 99) +
  number(4, 1) +
  number(5, 2) +
  text(6, text(1, 'Jane')) +
  text(7, 'x') +
  text(7, 'y') +
  text(11, 'top');
const answer = (body: string, status = '0', more: Record<string, string> = {}): Http2Reply => ({
  headers: { 'content-type': 'application/grpc' },
  body,
  trailers: { 'grpc-status': status, ...more },
});
const OK = answer(frame(BOOK));
const GONE = answer('', '5', { 'grpc-message': 'no such %22book%22' });
const HEADERS_ONLY: Http2Reply = { headers: { 'content-type': 'application/grpc', 'grpc-status': '7', 'grpc-message': 'no' }, body: '' };
const page = (type: string, data: string): string => text(1, type) + text(2, data);
const send = (method: string, path: string, body?: string, type = 'application/json'): Request => ({
  method,
  path,
  headers: body === undefined ? [] : [['content-type', type]],
  ...(body === undefined ? {} : { body }),
});
const common = {
  // Envoy's gauge of what it keeps never goes down.
  ignoreStats: /transcoder_(request|response)_buffer_bytes$/,
  upstreams: { a: 'http2' } as const,
  cluster: { a: 'http2_protocol_options: {}' },
  logFormat: '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %GRPC_STATUS% %REQ(:PATH)% %REQ(X-ENVOY-ORIGINAL-PATH)%',
};
const ROUTES = `[{match: {prefix: /shop.Shop}, route: {cluster: a}}, {match: {prefix: /plain}, route: {cluster: a}}, {match: {prefix: /}, direct_response: {status: 404, body: {inline_string: "no route"}}}]`;

const EARLY = 'Envoy reads JSON as it comes and refuses it before the request has ended; Outrider reads it when it is whole';

/** JSON for gRPC services. */
export const transcoding: Area = {
  name: 'transcoding',
  configurations: [
    {
      ...common,
      name: 'defaults',
      statsDiffer: {
        reason: EARLY,
        changes: [
          '- http.ingress.downstream_rq_response_before_rq_complete: 4',
          '- http.ingress.downstream_rq_rx_reset: 4',
          '+ http.ingress.downstream_rq_response_before_rq_complete: 2',
          '+ http.ingress.downstream_rq_rx_reset: 2',
        ],
      },
      routes: ROUTES,
      filters: transcoder(),
      cases: [
        { name: 'a path variable', send: send('GET', '/books/b1'), http2Upstream: { a: [OK] } },
        { name: 'over HTTP/2', http2: { requests: [{ headers: { ':path': '/books/b1' } }] }, http2Upstream: { a: [OK] } },
        { name: 'escapes', send: send('GET', '/books/a%20b%2Fc%C3%A9'), http2Upstream: { a: [OK] } },
        { name: 'several segments', send: send('GET', '/v2/shelves/1%2F2/books/3%204'), http2Upstream: { a: [OK] } },
        { name: 'any segments and a verb', send: send('GET', '/all/a/b/c:read'), http2Upstream: { a: [OK] } },
        { name: 'another verb', send: send('GET', '/all/a/b/c:write') },
        {
          name: 'query',
          send: send('GET', '/books/b?page=3&tags=x&tags=y%26z&size=LARGE&full=true&author.name=Jane&author.born=1775'),
          http2Upstream: { a: [OK] },
        },
        { name: 'query by numbers', send: send('GET', '/books/b?size=2&full=true&page=-1'), http2Upstream: { a: [OK] } },
        { name: 'unknown query', send: send('GET', '/books/b?nobody=1') },
        { name: 'plus in a query', send: send('GET', '/books/b?tags=a+b'), http2Upstream: { a: [OK] } },
        { name: 'another method', send: send('POST', '/books/b', '{}') },
        { name: 'custom kind', send: send('DROP', '/drop/x'), http2Upstream: { a: [answer(frame(''))] } },
        { name: 'DELETE', send: send('DELETE', '/books/x'), http2Upstream: { a: [answer(frame(''))] } },
        { name: 'no such path', send: send('GET', '/plain') },
        {
          name: 'failure over HTTP/2',
          http2: { requests: [{ headers: { ':path': '/books/b1' } }, { headers: { ':path': '/list' } }] },
          http2Upstream: { a: [GONE, GONE] },
        },
        {
          name: 'a body',
          send: send('PUT', '/books/b1', '{"title":"Emma","pages":"12","sold":true,"size":"LARGE","author":{"name":"J"},"tags":["a","b"]}'),
          http2Upstream: { a: [OK] },
        },
        {
          name: 'large numbers and bytes',
          send: send('PUT', '/books/b1', '{"pages":9007199254740993,"cover":"AAEC","price":1.5,"stock":{"x":1}}'),
          http2Upstream: { a: [OK] },
        },
        { name: 'names as in the file', send: send('PUT', '/books/b1', '{"shelf_name":"top"}'), http2Upstream: { a: [OK] } },
        {
          name: 'a body of a field, an answer of a field',
          send: send('PATCH', '/authors/Jane', '{"born":1775}'),
          http2Upstream: { a: [OK] },
          differs: {
            reason: 'the same message: the order of fields says nothing, and parts of a field are merged by whoever reads it',
            changes: ['- \\x00\\x00\\x00\\x00\\x0b2\\x09\\x10\\xef\\x0d', '+ \\x00\\x00\\x00\\x00\\x0d2\\x03\\x10\\xef\\x0d2\\x06'],
          },
        },
        { name: 'no body', send: send('PUT', '/books/b1', ''), http2Upstream: { a: [OK] } },
        { name: 'failure', send: send('GET', '/books/b1'), http2Upstream: { a: [GONE] } },
        { name: 'failure in headers only', send: send('GET', '/books/b1'), http2Upstream: { a: [HEADERS_ONLY] } },
        {
          name: 'statuses',
          send: ['3', '4', '8', '12', '14', '16', '99'].map(() => send('GET', '/books/b1')),
          http2Upstream: { a: ['3', '4', '8', '12', '14', '16', '99'].map((s) => answer('', s)) },
        },
        { name: 'an empty message', send: send('GET', '/books/b1'), http2Upstream: { a: [answer(frame(''))] } },
        {
          name: 'no status',
          send: send('GET', '/books/b1'),
          http2Upstream: { a: [{ headers: { 'content-type': 'application/grpc' }, body: frame(BOOK), trailers: { 'x-a': '1' } }] },
        },
        { name: 'a stream', send: send('GET', '/list'), http2Upstream: { a: [answer(frame(text(1, 'a')) + frame(text(1, 'b')))] } },
        { name: 'an empty stream', send: send('GET', '/list'), http2Upstream: { a: [answer('')] } },
        { name: 'a stream that fails', send: send('GET', '/list'), http2Upstream: { a: [answer(frame(text(1, 'a')), '13')] } },
        { name: 'a stream that fails at once', send: send('GET', '/list'), http2Upstream: { a: [HEADERS_ONLY] } },
        {
          name: 'a stream up',
          send: send('POST', '/collect', '[{"id":"1"}, {"id":"2","tags":["]","{"]}]'),
          http2Upstream: { a: [answer(frame(text(1, text(1, 'z'))))] },
        },
        { name: 'an empty stream up', send: send('POST', '/collect', '[]'), http2Upstream: { a: [answer(frame(''))] } },
        {
          name: 'streams both ways',
          send: {
            method: 'POST',
            path: '/chat',
            headers: [['content-type', 'application/json']],
            chunks: ['[{"id":', '"1"},{', '"id":"2"}]'],
          },
          http2Upstream: { a: [answer(frame(text(1, 'a')) + frame(text(1, 'b')))] },
        },
        { name: 'a page', send: send('GET', '/page/x'), http2Upstream: { a: [answer(frame(page('text/html', '<b>hi</b>')))] } },
        {
          name: 'a field that is a page',
          send: send('GET', '/picture/x'),
          http2Upstream: { a: [answer(frame(text(1, 'n') + text(2, page('image/png', 'PNG'))))] },
        },
        { name: 'a page that fails', send: send('GET', '/page/x'), http2Upstream: { a: [GONE] } },
        {
          name: 'a page in pieces',
          send: send('GET', '/pages'),
          http2Upstream: { a: [answer(frame(page('text/html', '<b>')) + frame(page('', 'hi</b>')))] },
        },
        {
          name: 'an upload',
          send: send('POST', '/store/me', 'raw bytes', 'text/plain'),
          http2Upstream: { a: [answer(frame(''))] },
          differs: {
            reason: 'the same message: the order of fields says nothing, and parts of a field are merged by whoever reads it',
            changes: ['- \\x00\\x00\\x00\\x00\\x1f\\x12\\x00', '- \\x02me\\x12\\x17', '+ \\x00\\x00\\x00\\x00\\x1d\\x12\\x17', '+ \\x02me'],
          },
        },
        {
          name: 'gRPC goes by',
          http2: {
            requests: [{ headers: { ':method': 'POST', ':path': '/shop.Shop/Get', 'content-type': 'application/grpc' }, body: frame('') }],
          },
          http2Upstream: { a: [OK] },
        },
        { name: 'no auto mapping', send: send('POST', '/shop.Shop/Bare', '{}'), http2Upstream: { a: [{ body: 'x' }] } },
        {
          name: 'bad JSON',
          send: send('PUT', '/books/b1', '{"title" "x"}'),
          differs: {
            reason: 'another parser of JSON has other words for what is wrong',
            changes: [
              '- content-length: 59',
              '+ content-length: 73',
              '- Expected : between key:value pair.',
              '- {"title" "x"}',
              '-          ^',
              "+ Expected ':' after property name in JSON at position 9 (line 1 column 10)",
            ],
          },
        },
        {
          name: 'a value of the wrong kind',
          send: send('PUT', '/books/b1', '{"pages":"many"}'),
          differs: {
            reason: 'another parser of JSON has other words for what is wrong',
            changes: [
              '- content-length: 47',
              '+ content-length: 89',
              '- pages: invalid value "many" for type TYPE_INT64',
              '+ cannot decode field shop.Book.pages from JSON: expected bigint (int64): many out of range',
            ],
          },
        },
        { name: 'an unknown field', send: send('PUT', '/books/b1', '{"nobody":1}'), http2Upstream: { a: [OK] } },
        {
          name: 'bad query value',
          send: send('GET', '/books/b?page=many'),
          differs: {
            reason: 'another parser of JSON has other words for what is wrong',
            changes: [
              '- content-length: 46',
              '+ content-length: 84',
              '- page: invalid value "many" for type TYPE_INT32',
              '+ cannot decode field shop.GetBook.page from JSON: expected number (int32), got "many"',
            ],
          },
        },
        { name: 'the body says otherwise', send: send('PUT', '/books/b1', '{"id":"b2"}'), http2Upstream: { a: [OK] } },
      ],
    },
    {
      ...common,
      name: 'strict, printed in full',
      statsDiffer: {
        reason: EARLY,
        changes: [
          '- http.ingress.downstream_rq_response_before_rq_complete: 2',
          '- http.ingress.downstream_rq_rx_reset: 2',
          '+ http.ingress.downstream_rq_response_before_rq_complete: 1',
          '+ http.ingress.downstream_rq_rx_reset: 1',
        ],
      },
      routes: ROUTES,
      filters: transcoder(
        'auto_mapping: true, convert_grpc_status: true, ignored_query_parameters: [key], query_param_unescape_plus: true, case_insensitive_enum_parsing: true, print_options: {always_print_primitive_fields: true, always_print_enums_as_ints: true, preserve_proto_field_names: true}, request_validation_options: {reject_unknown_method: true, reject_unknown_query_parameters: true, reject_binding_body_field_collisions: true}, max_request_body_size: 100, max_response_body_size: 100, url_unescape_spec: ALL_CHARACTERS',
      ),
      cases: [
        { name: 'printed', send: send('GET', '/books/b1?key=1&tags=a+b'), http2Upstream: { a: [answer(frame(text(1, 'b')))] } },
        { name: 'unknown path', send: send('GET', '/nowhere') },
        { name: 'status over HTTP/2', http2: { requests: [{ headers: { ':path': '/books/b1' } }] }, http2Upstream: { a: [GONE] } },
        { name: 'unknown query', send: send('GET', '/books/b?nobody=1') },
        {
          name: 'auto mapping',
          send: send('POST', '/shop.Shop/Bare', '{"name":"x","size":"large"}'),
          http2Upstream: { a: [answer(frame(text(1, 'b')))] },
        },
        {
          name: 'escapes in several segments',
          send: send('GET', '/v2/shelves/1%2F2/books/3%204'),
          http2Upstream: { a: [answer(frame(''))] },
        },
        { name: 'collision', send: send('PUT', '/books/b1', '{"id":"b2"}') },
        { name: 'no collision', send: send('PUT', '/books/b1', '{"id":"b1"}'), http2Upstream: { a: [answer(frame(''))] } },
        { name: 'status', send: send('GET', '/books/b1'), http2Upstream: { a: [GONE] } },
        { name: 'status in headers only', send: send('GET', '/books/b1'), http2Upstream: { a: [HEADERS_ONLY] } },
        {
          name: 'details',
          send: send('GET', '/books/b1'),
          http2Upstream: {
            a: [
              answer('', '5', {
                'grpc-status-details-bin': Buffer.from(
                  number(1, 5) + text(2, 'm') + text(3, text(1, 'type.googleapis.com/shop.Author') + text(2, text(1, 'J'))),
                  'latin1',
                ).toString('base64'),
              }),
            ],
          },
        },
        {
          name: 'too large a request',
          send: {
            raw: `PUT /books/b1 HTTP/1.1\r\nhost: h\r\ncontent-length: 300\r\n\r\n{"title":"${'x'.repeat(200)}`,
          },
          closes: true,
        },
        { name: 'status of a stream', send: send('GET', '/list'), http2Upstream: { a: [HEADERS_ONLY] } },
      ],
    },
    {
      ...common,
      name: 'by the route of the client',
      routes: `
        - {match: {prefix: /books}, route: {cluster: a}}
        - {match: {prefix: /list}, route: {cluster: a}, typed_per_filter_config: {t: {"@type": ${T}, proto_descriptor_bin: "${SHOP_DESCRIPTOR}", services: []}}}
        - {match: {prefix: /chat}, route: {cluster: a}, typed_per_filter_config: {t: {"@type": ${T}, proto_descriptor_bin: "${SHOP_DESCRIPTOR}", services: [shop.Shop], match_incoming_request_route: true, print_options: {stream_newline_delimited: true}}}}
      `,
      filters: transcoder(
        'match_incoming_request_route: true, ignore_unknown_query_parameters: true, print_options: {add_whitespace: true}',
      ),
      cases: [
        { name: 'a call', send: send('GET', '/books/b1?nobody=2'), http2Upstream: { a: [OK] } },
        { name: 'off for a route', send: send('GET', '/list'), http2Upstream: { a: [{ body: 'x' }] } },
        {
          name: 'one by line',
          send: send('POST', '/chat', '[]'),
          http2Upstream: { a: [answer(frame(text(1, 'a')) + frame(text(1, 'b')))] },
        },
      ],
    },
  ],
};
