import { type Area, bytes, get, says } from '../harness/scenario.ts';

const ID = '7d0c1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b';
const INTERNAL =
  'internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}, {address_prefix: "fc00::", prefix_len: 7}]}';
const SENSITIVE: readonly (readonly [string, string])[] = [
  ['x-envoy-internal', 'true'],
  ['x-envoy-decorator-operation', 'op'],
  ['x-envoy-downstream-service-cluster', 'c'],
  ['x-envoy-downstream-service-node', 'n'],
  ['x-envoy-original-path', '/p'],
  ['x-envoy-original-host', 'h'],
  ['x-envoy-original-url', 'u'],
  ['x-envoy-retry-on', '5xx'],
  ['x-envoy-retry-grpc-on', 'cancelled'],
  ['x-envoy-max-retries', '1'],
  ['x-envoy-retriable-status-codes', '500'],
  ['x-envoy-retriable-header-names', 'x'],
  ['x-envoy-upstream-alt-stat-name', 's'],
  ['x-envoy-upstream-rq-timeout-ms', '5000'],
  ['x-envoy-upstream-rq-per-try-timeout-ms', '4000'],
  ['x-envoy-upstream-rq-timeout-alt-response', '1'],
  ['x-envoy-expected-rq-timeout-ms', '3000'],
  ['x-envoy-force-trace', '1'],
  ['x-envoy-ip-tags', 't'],
  ['x-envoy-hedge-on-per-try-timeout', 'true'],
  ['x-envoy-external-address', '1.2.3.4'],
  ['x-envoy-attempt-count', '7'],
  ['x-envoy-is-timeout-retry', 'true'],
  ['x-envoy-other', 'stays'],
];
const LOG = '%REQ(x-forwarded-for)% remote=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% direct=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%';

/** Who the client is, what it may tell us, request ids, server and via headers. */
export const edge: Area = {
  name: 'edge',
  configurations: [
    {
      name: 'addresses behind another proxy',
      hcm: `{${INTERNAL}}`,
      logFormat: LOG,
      cases: [
        { name: 'no x-forwarded-for', send: 'GET /' },
        { name: 'one external', send: get('/', ['x-forwarded-for', '8.8.8.8']) },
        { name: 'one internal', send: get('/', ['x-forwarded-for', '10.1.1.1']) },
        { name: 'one internal, IPv6', send: get('/', ['x-forwarded-for', 'fc00::1']) },
        { name: 'two', send: get('/', ['x-forwarded-for', '10.1.1.1, 10.2.2.2']) },
        { name: 'two header lines', send: get('/', ['x-forwarded-for', '8.8.8.8'], ['x-forwarded-for', '9.9.9.9']) },
        {
          name: 'nonsense',
          send: [
            get('/', ['x-forwarded-for', 'nonsense']),
            get('/', ['x-forwarded-for', '8.8.8.8,']),
            get('/', ['x-forwarded-for', '8.8.8.8:123']),
          ],
        },
        { name: 'x-forwarded-proto kept', send: get('/', ['x-forwarded-proto', 'https']) },
        { name: 'a strange x-forwarded-proto', send: get('/', ['x-forwarded-proto', 'gopher']) },
        { name: 'Envoy headers of an external client', send: get('/', ...SENSITIVE) },
        {
          name: 'Envoy headers of an internal client',
          send: get('/', ['x-forwarded-for', '10.1.1.1'], ...SENSITIVE.filter(([n]) => !/alt-stat|hedge/.test(n))),
        },
      ],
    },
    {
      name: 'one trusted hop',
      hcm: `{xff_num_trusted_hops: 1, ${INTERNAL}}`,
      logFormat: LOG,
      cases: [
        { name: 'enough addresses', send: get('/', ['x-forwarded-for', '7.7.7.7, 8.8.8.8, 9.9.9.9']) },
        { name: 'too few', send: get('/', ['x-forwarded-for', '9.9.9.9']) },
      ],
    },
    {
      name: 'the edge',
      hcm: `{use_remote_address: true, ${INTERNAL}}`,
      logFormat: LOG,
      cases: [
        { name: 'no x-forwarded-for', send: 'GET /' },
        { name: 'appended', send: get('/', ['x-forwarded-for', '8.8.8.8']) },
        { name: 'appended to two lines', send: get('/', ['x-forwarded-for', '8.8.8.8'], ['x-forwarded-for', '9.9.9.9']) },
        { name: 'x-forwarded-proto overwritten', send: get('/', ['x-forwarded-proto', 'https']) },
        { name: 'Envoy headers', send: get('/', ...SENSITIVE) },
      ],
    },
    {
      name: 'the edge, loopback is internal',
      hcm: '{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}, skip_xff_append: true}',
      routeConfig: '{internal_only_headers: [x-secret]}',
      logFormat: LOG,
      cases: [
        { name: 'internal', send: get('/', ['x-secret', '1'], ['x-envoy-retry-on', 'connect-failure'], ['x-request-id', ID]) },
        { name: 'with x-forwarded-for it is not', send: get('/', ['x-forwarded-for', '8.8.8.8'], ['x-secret', '1']) },
      ],
    },
    {
      name: 'the edge behind one hop',
      hcm: `{use_remote_address: true, xff_num_trusted_hops: 1, ${INTERNAL}}`,
      logFormat: LOG,
      cases: [
        { name: 'the address before', send: get('/', ['x-forwarded-for', '7.7.7.7, 8.8.8.8'], ['x-forwarded-proto', 'https']) },
        { name: 'none', send: 'GET /' },
      ],
    },
    {
      name: 'address by extension',
      hcm: `
        original_ip_detection_extensions:
        - {name: envoy.http.original_ip_detection.custom_header, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig, header_name: x-real-ip, allow_extension_to_set_address_as_trusted: true, reject_with_status: {code: Forbidden}}}
        ${INTERNAL}
      `,
      logFormat: LOG,
      cases: [
        { name: 'header present', send: get('/', ['x-real-ip', '8.8.4.4']) },
        { name: 'header present, internal', send: get('/', ['x-real-ip', '10.8.4.4'], ['x-envoy-max-retries', '1']) },
        { name: 'header missing', send: 'GET /' },
      ],
    },
    ...(['10.0.0.0/8', '127.0.0.0/8'] as const).map((range) => ({
      name: `address by trusted ranges, ${range} and 10.1.0.0/16`,
      hcm: `
        original_ip_detection_extensions:
        - {name: envoy.http.original_ip_detection.xff, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig, skip_xff_append: true, xff_trusted_cidrs: {cidrs: [{address_prefix: ${range.slice(0, -2)}, prefix_len: 8}, {address_prefix: 10.1.0.0, prefix_len: 16}]}}}
        ${INTERNAL}
      `,
      logFormat: LOG,
      cases: [
        { name: 'no XFF', send: 'GET /' },
        { name: 'one entry', send: get('/', ['x-forwarded-for', '9.9.9.9']) },
        { name: 'an internal one', send: get('/', ['x-forwarded-for', '10.1.1.1'], ['x-envoy-max-retries', '1']) },
        { name: 'behind trusted ones', send: get('/', ['x-forwarded-for', '6.6.6.6, 9.9.9.9, 10.1.1.1, 10.1.1.2']) },
        { name: 'all trusted', send: get('/', ['x-forwarded-for', '10.1.1.3, 10.1.1.2']) },
        { name: 'malformed', send: get('/', ['x-forwarded-for', 'x, 10.1.1.2']) },
      ],
    })),
    {
      name: 'x-forwarded-port, via, user agent',
      hcm: '{append_x_forwarded_port: true, via: the-proxy, add_user_agent: true, use_remote_address: true}',
      cases: [
        { name: 'added', send: 'GET /' },
        {
          name: 'kept or appended',
          send: get('/', ['via', '1.1 other'], ['user-agent', 'me'], ['x-forwarded-port', '99']),
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\nvia: 1.1 up\r\ncontent-length: 0\r\n\r\n')] },
        },
      ],
    },
    {
      name: 'scheme overwritten',
      hcm: '{scheme_header_transformation: {scheme_to_overwrite: https}}',
      routes: `- {match: {prefix: /, headers: [{name: ":scheme", string_match: {exact: https}}]}, route: {cluster: a}}`,
      cases: [{ name: 'x-forwarded-proto follows', send: ['GET /', get('/', ['x-forwarded-proto', 'http'])] }],
    },
    {
      name: 'request ids',
      cases: [
        { name: 'kept inside the mesh', send: get('/', ['x-request-id', ID]) },
        { name: 'kept though no uuid', send: get('/', ['x-request-id', 'abc']) },
        { name: 'generated when empty', send: get('/', ['x-request-id', '']) },
      ],
    },
    {
      name: 'request ids at the edge',
      hcm: '{use_remote_address: true, always_set_request_id_in_response: true}',
      routes: `- {match: {prefix: /d}, ${says('d')}}\n- {match: {prefix: /}, route: {cluster: a}}`,
      cases: [
        { name: 'replaced', send: get('/', ['x-request-id', ID]) },
        { name: 'in the response', send: ['GET /', 'GET /d'] },
      ],
    },
    {
      name: 'request ids preserved',
      hcm: '{use_remote_address: true, preserve_external_request_id: true}',
      cases: [
        { name: 'kept', send: get('/', ['x-request-id', ID]) },
        { name: 'a traced id', send: get('/', ['x-request-id', '7d0c1a2b-3c4d-9e5f-8a9b-0c1d2e3f4a5b']) },
      ],
    },
    {
      name: 'no request ids',
      hcm: '{generate_request_id: false}',
      cases: [{ name: 'none is made', send: ['GET /', get('/', ['x-request-id', ID])] }],
    },
    {
      name: 'uuid extension without packing',
      hcm: '{request_id_extension: {typed_config: {"@type": type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig, pack_trace_reason: false}}, use_remote_address: true, preserve_external_request_id: true}',
      cases: [{ name: 'the id is not touched', send: get('/', ['x-request-id', '7d0c1a2b-3c4d-9e5f-8a9b-0c1d2e3f4a5b']) }],
    },
    ...(
      [
        ['OVERWRITE', 'server_header_transformation: OVERWRITE, server_name: mine'],
        ['APPEND_IF_ABSENT', 'server_header_transformation: APPEND_IF_ABSENT, server_name: mine'],
        ['PASS_THROUGH', 'server_header_transformation: PASS_THROUGH, server_name: mine'],
      ] as const
    ).map(([name, hcm]) => ({
      name: `server header ${name}`,
      hcm: `{${hcm}}`,
      cases: [
        {
          name: 'upstream has one',
          send: 'GET /',
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\nserver: real\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\r\n')] },
        },
        { name: 'upstream has none', send: 'GET /' },
        { name: 'a local reply', send: 'HEAD /' },
      ],
    })),
    {
      name: 'suppressed Envoy headers',
      router: '{suppress_envoy_headers: true}',
      cases: [{ name: 'neither way', send: 'GET /' }],
    },
    {
      name: 'referer and other sanitising',
      cases: [
        {
          name: 'referers',
          send: [
            get('/', ['referer', 'http://u:p@h/'], ['x', '1']),
            get('/', ['referer', 'http://h/#f']),
            get('/', ['referer', 'http://h/a?b']),
            get('/', ['referer', 'http://a/'], ['referer', 'http://b/']),
          ],
        },
        { name: 'client certificates of strangers', send: get('/', ['x-forwarded-client-cert', 'By=spiffe://x']) },
        { name: 'te', send: [get('/', ['te', 'trailers']), get('/', ['te', 'gzip'])] },
        {
          name: 'trace headers pass',
          send: get(
            '/',
            ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
            ['b3', '0'],
            ['x-b3-traceid', 'abc'],
            ['x-ot-span-context', 'x'],
            ['x-client-trace-id', 'y'],
          ),
        },
      ],
    },
  ],
};
