import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Script } from '../harness/recording-upstream.ts';
import { type Area, type Configuration, get, type Request, reply } from '../harness/scenario.ts';

const PLAIN = `[{match: {prefix: /}, route: {cluster: a}}]`;
const T = 'type.googleapis.com/envoy.extensions';
const LIBRARIES = {
  gzip: `{name: zip, typed_config: {"@type": ${T}.compression.gzip.compressor.v3.Gzip, memory_level: 8, window_bits: 15, compression_level: BEST_SPEED}}`,
  brotli: `{name: bro, typed_config: {"@type": ${T}.compression.brotli.compressor.v3.Brotli}}`,
  zstd: `{name: zs, typed_config: {"@type": ${T}.compression.zstd.compressor.v3.Zstd}}`,
};
type Library = keyof typeof LIBRARIES;
const compressor = (library: Library, fields = '') =>
  `{name: "c-${library}", typed_config: {"@type": ${T}.filters.http.compressor.v3.Compressor, compressor_library: ${LIBRARIES[library]}, ${fields}}}`;
const decompressor = (library: Library, fields = '') => {
  const type = `${T}.compression.${library}.decompressor.v3.${library[0]!.toUpperCase()}${library.slice(1)}`;
  return `{name: "d-${library}", typed_config: {"@type": ${T}.filters.http.decompressor.v3.Decompressor, decompressor_library: {name: lib, typed_config: {"@type": ${type}}}, ${fields}}}`;
};
const perRoute = (fields: string) =>
  `typed_per_filter_config: {c-gzip: {"@type": ${T}.filters.http.compressor.v3.CompressorPerRoute, ${fields}}}`;

const TEXT = 'to be or not to be, that is the question. '.repeat(6);
const typed = (type: string, ...headers: (readonly [string, string])[]): Script =>
  reply({ body: TEXT, headers: [['content-type', type], ...headers] });
const PAGE = typed('text/html; charset=utf-8');
const chunked = (type: string, pieces: readonly string[], trailers = ''): Script => [
  {
    send: `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n${pieces
      .map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`)
      .join('')}0\r\n${trailers}\r\n`,
  },
];
const accepting = (value: string, path = '/'): Request => get(path, ['accept-encoding', value]);
const GZIP = accepting('gzip');
const post = (body: string, ...headers: (readonly [string, string])[]): Request => ({ method: 'POST', path: '/', headers, body });
const latin1 = (body: Buffer): string => body.toString('latin1');
const ZIPPED = latin1(gzipSync(TEXT));

/** How small a body becomes depends on the library's version. */
const SIZES = /\.total_compressed_bytes$/;
const LOG = '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %REQ(ACCEPT-ENCODING)% %RESP(CONTENT-ENCODING)%';

const CONFIGURATIONS: readonly Configuration[] = [
  {
    name: 'gzip with defaults',
    routes: PLAIN,
    filters: `[${compressor('gzip')}]`,
    cases: [
      { name: 'a page', send: GZIP, upstream: { a: [PAGE] } },
      { name: 'nothing is accepted', send: 'GET /', upstream: { a: [PAGE] } },
      { name: 'identity is', send: accepting('identity'), upstream: { a: [PAGE] } },
      { name: 'identity is worth more', send: accepting('gzip;q=0.5, identity;q=0.8'), upstream: { a: [PAGE] } },
      { name: 'something else is', send: accepting('br'), upstream: { a: [PAGE] } },
      { name: 'anything is', send: accepting('*'), upstream: { a: [PAGE] } },
      { name: 'gzip is not', send: accepting('gzip;q=0'), upstream: { a: [PAGE] } },
      { name: 'among others', send: accepting('deflate, gzip;q=1.0, *;q=0.5'), upstream: { a: [PAGE] } },
      { name: 'quality that is no number', send: accepting('gzip;q=x'), upstream: { a: [PAGE] } },
      { name: 'another parameter', send: accepting('gzip;level=3'), upstream: { a: [PAGE] } },
      { name: 'spaces', send: accepting(' gzip ; q = 0.3 '), upstream: { a: [PAGE] } },
      { name: 'upper case', send: accepting('GZIP'), upstream: { a: [PAGE] } },
      { name: 'an empty list', send: accepting(''), upstream: { a: [PAGE] } },
      { name: 'two lines', send: get('/', ['accept-encoding', 'br'], ['accept-encoding', 'gzip']), upstream: { a: [PAGE] } },
      { name: 'types', send: [GZIP, GZIP, GZIP], upstream: { a: [typed('application/json'), typed('image/png'), typed('TEXT/HTML')] } },
      { name: 'no type', send: GZIP, upstream: { a: [reply({ body: TEXT })] } },
      {
        name: 'lengths',
        send: [GZIP, GZIP],
        upstream: {
          a: [
            reply({ body: 'x'.repeat(29), headers: [['content-type', 'text/html']] }),
            reply({ body: 'x'.repeat(30), headers: [['content-type', 'text/html']] }),
          ],
        },
      },
      { name: 'in chunks', send: GZIP, upstream: { a: [chunked('text/html', ['short', ' and', ' sweet'])] } },
      { name: 'no body', send: GZIP, upstream: { a: [reply({ headers: [['content-type', 'text/html']] })] } },
      { name: 'HEAD', send: { method: 'HEAD', headers: [['accept-encoding', 'gzip']] }, upstream: { a: [PAGE] } },
      { name: 'coded already', send: GZIP, upstream: { a: [typed('text/html', ['content-encoding', 'br'])] } },
      { name: 'no-transform', send: GZIP, upstream: { a: [typed('text/html', ['cache-control', 'public, No-Transform'])] } },
      { name: 'a strong validator', send: GZIP, upstream: { a: [typed('text/html', ['etag', '"abc"'])] } },
      { name: 'a weak validator', send: GZIP, upstream: { a: [typed('text/html', ['etag', 'W/"abc"'])] } },
      { name: 'vary', send: GZIP, upstream: { a: [typed('text/html', ['vary', 'Cookie'])] } },
      { name: 'vary has it', send: GZIP, upstream: { a: [typed('text/html', ['vary', 'Accept-Encoding, Cookie'])] } },
      { name: 'vary has it in lower case', send: GZIP, upstream: { a: [typed('text/html', ['vary', 'accept-encoding'])] } },
      {
        name: 'an error of the upstream',
        send: GZIP,
        upstream: { a: [reply({ status: '500 Oops', body: TEXT, headers: [['content-type', 'text/plain']] })] },
      },
      { name: 'a request', send: post(TEXT, ['content-type', 'text/plain'], ['accept-encoding', 'gzip']) },
    ],
  },
  {
    name: 'conditions',
    routes: `
        - {match: {prefix: /off}, route: {cluster: a}, ${perRoute('disabled: true')}}
        - {match: {prefix: /keep}, route: {cluster: a}, ${perRoute('overrides: {response_direction_config: {remove_accept_encoding_header: false}}')}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
    filters: `[${compressor('gzip', 'request_direction_config: {common_config: {enabled: {default_value: true, runtime_key: x}, content_type: [text/plain]}}, response_direction_config: {common_config: {min_content_length: 100, content_type: [text/html]}, disable_on_etag_header: true, remove_accept_encoding_header: true, uncompressible_response_codes: [206, 500]}')}]`,
    hcm: '{http_protocol_options: {enable_trailers: true}}',
    cases: [
      { name: 'the header is removed', send: GZIP, upstream: { a: [PAGE] } },
      { name: 'off for a route', send: accepting('gzip', '/off'), upstream: { a: [PAGE] } },
      { name: 'a request to that route', send: { ...post(TEXT, ['content-type', 'text/plain']), path: '/off' } },
      { name: 'kept for a route', send: accepting('gzip', '/keep'), upstream: { a: [PAGE] } },
      { name: 'too short', send: GZIP, upstream: { a: [reply({ body: 'x'.repeat(99), headers: [['content-type', 'text/html']] })] } },
      { name: 'type', send: GZIP, upstream: { a: [typed('text/plain')] } },
      {
        name: 'validators',
        send: [GZIP, GZIP],
        upstream: { a: [typed('text/html', ['etag', '"abc"']), typed('text/html', ['etag', 'W/"abc"'])] },
      },
      {
        name: 'status',
        send: GZIP,
        upstream: { a: [reply({ status: '206 Partial Content', body: TEXT, headers: [['content-type', 'text/html']] })] },
      },
      { name: 'trailers', send: GZIP, upstream: { a: [chunked('text/html', [TEXT, TEXT], 'x-t: 1\r\n')] } },
      {
        name: 'a large body',
        send: GZIP,
        upstream: {
          a: [
            chunked(
              'text/html',
              Array.from({ length: 40 }, (_, i) => `${i} ${TEXT}`.repeat(20)),
            ),
          ],
        },
      },
      { name: 'a request', send: post(TEXT, ['content-type', 'text/plain']) },
      { name: 'a request in chunks', send: { method: 'POST', headers: [['content-type', 'text/plain']], chunks: [TEXT, TEXT] } },
      {
        name: 'a request with trailers',
        send: { method: 'POST', headers: [['content-type', 'text/plain']], chunks: [TEXT], trailers: [['x-t', '1']] },
      },
      { name: 'a short request', send: post('short', ['content-type', 'text/plain']) },
      { name: 'a request of another type', send: post(TEXT, ['content-type', 'image/png']) },
      { name: 'a request that is coded', send: post(ZIPPED, ['content-type', 'text/plain'], ['content-encoding', 'gzip']) },
    ],
  },
  {
    name: 'several libraries',
    routes: PLAIN,
    filters: `[${compressor('gzip', 'response_direction_config: {}')}, ${compressor('brotli', 'response_direction_config: {}')}, ${compressor('zstd', 'response_direction_config: {common_config: {content_type: [text/html]}}')}]`,
    cases: [
      {
        name: 'the first accepted',
        send: [accepting('br, gzip'), accepting('gzip, br'), accepting('zstd, br, gzip')],
        upstream: { a: [PAGE, PAGE, PAGE] },
      },
      { name: 'the one that is worth more', send: accepting('gzip;q=0.5, br;q=0.7, zstd;q=0.6'), upstream: { a: [PAGE] } },
      { name: 'not for this type', send: accepting('zstd, br;q=0.4'), upstream: { a: [typed('text/plain')] } },
      { name: 'anything', send: accepting('*'), upstream: { a: [PAGE] } },
      { name: 'a long one', send: accepting('zstd'), upstream: { a: [chunked('text/html', [TEXT.repeat(50), TEXT, TEXT.repeat(80)])] } },
      {
        name: 'a long one with brotli',
        send: accepting('br'),
        upstream: { a: [chunked('text/html', [TEXT.repeat(50), TEXT, TEXT.repeat(80)])] },
      },
    ],
  },
  {
    name: 'the first of the chain',
    routes: '[{match: {prefix: /}, route: {cluster: a, internal_redirect_policy: {}}}]',
    filters: `[${compressor('gzip', 'choose_first: true')}, ${compressor('brotli', 'choose_first: true')}]`,
    cases: [
      { name: 'equally welcome', send: accepting('br, gzip'), upstream: { a: [PAGE] } },
      { name: 'not equally', send: accepting('br, gzip;q=0.9'), upstream: { a: [PAGE] } },
      {
        name: 'after an internal redirect',
        send: accepting('br, gzip'),
        upstream: { a: [reply({ status: '302 Found', headers: [['location', 'http://example.test/x']] }), PAGE] },
      },
    ],
  },
  {
    name: 'the verdict in a header',
    routes: PLAIN,
    filters: `[${compressor('gzip', 'response_direction_config: {status_header_enabled: true, disable_on_etag_header: true, uncompressible_response_codes: [206], common_config: {content_type: [text/html]}}')}]`,
    cases: [
      { name: 'compressed', send: GZIP, upstream: { a: [PAGE] } },
      { name: 'in chunks', send: GZIP, upstream: { a: [chunked('text/html', [TEXT])] } },
      { name: 'too short', send: GZIP, upstream: { a: [reply({ body: 'x', headers: [['content-type', 'text/html']] })] } },
      { name: 'type', send: GZIP, upstream: { a: [typed('text/plain')] } },
      { name: 'validator', send: GZIP, upstream: { a: [typed('text/html', ['etag', '"a"'])] } },
      {
        name: 'status',
        send: GZIP,
        upstream: { a: [reply({ status: '206 Partial Content', body: TEXT, headers: [['content-type', 'text/html']] })] },
      },
      { name: 'not accepted', send: [accepting('br'), 'GET /'], upstream: { a: [PAGE, PAGE] } },
      { name: 'coded already', send: GZIP, upstream: { a: [typed('text/html', ['content-encoding', 'br'])] } },
    ],
  },
  {
    name: 'validators and type matchers',
    routes: PLAIN,
    filters: `[${compressor('gzip', 'response_direction_config: {weaken_etag_on_compress: true, common_config: {content_type_matcher: [{prefix: "text/"}, {suffix: "+json"}]}}')}]`,
    cases: [
      { name: 'weakened', send: GZIP, upstream: { a: [typed('text/x', ['etag', '"a"'])] } },
      { name: 'weak already', send: GZIP, upstream: { a: [typed('application/x+json', ['etag', 'W/"a"'])] } },
      { name: 'another type', send: GZIP, upstream: { a: [typed('application/json')] } },
    ],
  },
  {
    name: 'decompression',
    routes: PLAIN,
    filters: `[${decompressor('gzip')}, ${decompressor('brotli')}, ${decompressor('zstd')}]`,
    hcm: '{http_protocol_options: {enable_trailers: true}}',
    cases: [
      { name: 'a request', send: post(ZIPPED, ['content-encoding', 'gzip'], ['content-type', 'text/plain']) },
      { name: 'with brotli', send: post(latin1(brotliCompressSync(TEXT)), ['content-encoding', 'br']) },
      { name: 'with zstd', send: post(latin1(zstdCompressSync(TEXT)), ['content-encoding', 'zstd']) },
      { name: 'a plain request', send: post(TEXT, ['accept-encoding', 'deflate']) },
      { name: 'coded twice', send: post(ZIPPED, ['content-encoding', 'GZIP, deflate']) },
      { name: 'no-transform', send: post(ZIPPED, ['content-encoding', 'gzip'], ['cache-control', 'no-transform']) },
      { name: 'a response', send: 'GET /', upstream: { a: [reply({ body: ZIPPED, headers: [['content-encoding', 'gzip']] })] } },
      {
        name: 'a response with trailers',
        send: 'GET /',
        upstream: {
          a: [
            [
              {
                send: `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n${ZIPPED.length.toString(16)}\r\n${ZIPPED}\r\n0\r\nx-t: 1\r\n\r\n`,
              },
            ],
          ],
        },
      },
      {
        name: 'request trailers',
        send: {
          method: 'POST',
          headers: [['content-encoding', 'gzip']],
          chunks: [ZIPPED.slice(0, 20), ZIPPED.slice(20)],
          trailers: [['x-t', '1']],
        },
      },
      { name: 'not what it says', send: post(TEXT, ['content-encoding', 'gzip']) },
      { name: 'not all of it', send: post(ZIPPED.slice(0, 30), ['content-encoding', 'gzip']) },
      { name: 'too much of it', send: post(latin1(gzipSync('x'.repeat(200_000))), ['content-encoding', 'gzip']) },
      { name: 'an empty body', send: { method: 'POST', headers: [['content-encoding', 'gzip']], chunks: [] } },
    ],
  },
  {
    name: 'decompression of one direction',
    routes: PLAIN,
    filters: `[${decompressor('gzip', 'request_direction_config: {advertise_accept_encoding: false, common_config: {enabled: {default_value: false, runtime_key: y}}}, response_direction_config: {common_config: {ignore_no_transform_header: true}}')}]`,
    cases: [
      { name: 'a request', send: post(ZIPPED, ['content-encoding', 'gzip']) },
      {
        name: 'a response',
        send: 'GET /',
        upstream: {
          a: [
            reply({
              body: ZIPPED,
              headers: [
                ['content-encoding', 'gzip'],
                ['cache-control', 'no-transform'],
              ],
            }),
          ],
        },
      },
    ],
  },
];

/** Bodies that are compressed and decompressed on their way. */
export const compression: Area = {
  name: 'compression',
  configurations: CONFIGURATIONS.map((one) => ({ logFormat: LOG, ignoreStats: SIZES, ...one })),
};
