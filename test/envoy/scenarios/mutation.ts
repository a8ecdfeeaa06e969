import { type Area, get, reply } from '../harness/scenario.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3';
const perRoute = (fields: string) =>
  `typed_per_filter_config: {envoy.filters.http.header_mutation: {"@type": ${TYPE}.HeaderMutationPerRoute, mutations: {${fields}}}}`;
const filter = (fields: string) =>
  `[{name: envoy.filters.http.header_mutation, typed_config: {"@type": ${TYPE}.HeaderMutation, ${fields}}}]`;
const append = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD', more = '') =>
  `{append: {append_action: ${action}, header: {key: ${key}, value: "${value}"}${more}}}`;
const query = (key: string, value: string, action: string) => `{append: {record: {key: ${key}, value: "${value}"}, action: ${action}}}`;
const TRAILERS = [{ send: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nt: 1\r\nu: 2\r\n\r\n' }];

const levels = (mostSpecificWins: boolean) => ({
  virtualHosts: `
    - name: v
      domains: ["*"]
      ${perRoute(`request_mutations: [${append('x-level', 'host')}, ${append('x-last', 'host', 'OVERWRITE_IF_EXISTS_OR_ADD')}]`)}
      routes:
      - {match: {prefix: /own}, route: {cluster: a}, ${perRoute(`request_mutations: [${append('x-level', 'route')}, ${append('x-last', 'route', 'OVERWRITE_IF_EXISTS_OR_ADD')}], response_mutations: [${append('x-r', 'route')}]`)}}
      - {match: {prefix: /}, route: {cluster: a}}
  `,
  routeConfig: perRoute(`request_mutations: [${append('x-level', 'config')}, ${append('x-last', 'config', 'OVERWRITE_IF_EXISTS_OR_ADD')}]`),
  filters: filter(
    `mutations: {request_mutations: [${append('x-level', 'filter')}], response_mutations: [${append('x-r', 'filter')}]}, most_specific_header_mutations_wins: ${mostSpecificWins}`,
  ),
});

const ENCODED = {
  reason:
    'Envoy sends decoded parameters on, blanks in the request line included; Outrider leaves those that it does not change as they were',
  changes: [
    '- x-req: /?m=A&n=&x=b c&z=set',
    '+ x-req: /?m=%41&n=&x=b%20c&z=set',
    '- GET /?m=A&n=&x=b c&z=set HTTP/1.1',
    '+ GET /?m=%41&n=&x=b%20c&z=set HTTP/1.1',
  ],
};

/** Those that look at responses, and have to do without having seen the request. Not bandwidth_limit: Envoy closes before the held body has left. */
const EVERY_FILTER = `
  {name: cors, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}},
  {name: stats, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig, emit_filter_state: true}},
  {name: bridge, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.grpc_http1_bridge.v3.Config}},
  {name: web, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb}},
  {name: fault, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault}},
  {name: buffer, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 1000}},
  {name: limit, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: l, token_bucket: {max_tokens: 100, fill_interval: 100s}, filter_enabled: {default_value: {numerator: 100}}, filter_enforced: {default_value: {numerator: 100}}, enable_x_ratelimit_headers: DRAFT_VERSION_03}},
  {name: admission, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.admission_control.v3.AdmissionControl, enabled: {default_value: true, runtime_key: k}, rps_threshold: {default_value: 1000, runtime_key: r}, success_criteria: {http_criteria: {http_success_status: [{start: 200, end: 300}]}, grpc_criteria: {grpc_success_status: [0]}}}},
  {name: compressor, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor, compressor_library: {name: text, typed_config: {"@type": type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip}}}},
  {name: session, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession, session_state: {name: envoy.http.stateful_session.cookie, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState, cookie: {name: s, path: /}}}}}`;

const early = (...lists: readonly string[]) =>
  lists.map(
    (list, i) =>
      `{name: e${i}, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation, mutations: [${list}]}}`,
  );

/** The header_mutation filter, and what a connection manager changes before everything else. */
export const mutation: Area = {
  name: 'mutation',
  configurations: [
    {
      name: 'of the filter',
      logFormat: '%REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%',
      routes: `
        - {match: {prefix: /, headers: [{name: x-added, string_match: {exact: one}}]}, direct_response: {status: 418}}
        - {match: {prefix: /off}, route: {cluster: a}, typed_per_filter_config: {envoy.filters.http.header_mutation: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}
        - {match: {prefix: /direct}, direct_response: {status: 200}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      hcm: 'http_protocol_options: {enable_trailers: true}',
      cluster: {
        a: '{typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {enable_trailers: true}}}}}',
      },
      filters: filter(`mutations: {
        request_mutations: [${append('x-added', 'one')}, ${append('x-added', 'two')}, ${append('x-copy', '%REQ(x-added)%')}, ${append('accept', 'text/plain')},
          ${append('x-absent', 'new', 'ADD_IF_ABSENT')}, ${append('x-there', 'new', 'ADD_IF_ABSENT')}, ${append('x-there', 'over', 'OVERWRITE_IF_EXISTS')},
          ${append('x-never', 'over', 'OVERWRITE_IF_EXISTS')}, {remove: X-Gone}, {remove_on_match: {key_matcher: {prefix: x-drop}}},
          ${append('x-empty', '%REQ(x-none)%')}, ${append('x-kept', '%REQ(x-none)%', 'ADD_IF_ABSENT', ', keep_empty_value: true')}, ${append('x-path', '%REQ(:path)%')}],
        response_mutations: [${append('x-code', '%RESPONSE_CODE%')}, ${append('x-req', '%REQ(:path)%')}, {remove: x-secret}, ${append('server', 'mine', 'OVERWRITE_IF_EXISTS_OR_ADD')}],
        request_trailers_mutations: [{remove: a}, ${append('added', 't')}],
        response_trailers_mutations: [{remove: t}, ${append('added', '%RESP(x-code)%')}],
        query_parameter_mutations: [${query('n', '%REQ(x-n)%', 'APPEND_IF_EXISTS_OR_ADD')}, ${query('m', 'new', 'ADD_IF_ABSENT')}, ${query('o', 'over', 'OVERWRITE_IF_EXISTS')}, {remove: gone}, ${query('z', 'set', 'OVERWRITE_IF_EXISTS_OR_ADD')}]}`),
      cases: [
        { name: 'all of it', send: get('/', ['x-there', 'was'], ['x-gone', '1'], ['x-drop-a', '1'], ['accept', 'a/b'], ['x-n', 'v']) },
        { name: 'nothing there', send: 'GET /' },
        { name: 'queries', send: ['GET /?b=2&a=1&a=0&gone=1&o=1&n=9', 'GET /?m=1&e&f=', 'GET /?z=1&z=2&&x=a+b&', 'GET /?g%6Fne=1'] },
        { name: 'encoded parameters', send: 'GET /?m=%41&x=b%20c', differs: ENCODED },
        {
          name: 'trailers',
          send: {
            method: 'POST',
            path: '/',
            chunks: ['x'],
            trailers: [
              ['a', '1'],
              ['b', '2'],
            ],
          },
          upstream: { a: [TRAILERS] },
        },
        {
          name: 'of the response',
          send: 'GET /',
          upstream: {
            a: [
              reply({
                headers: [
                  ['x-secret', '1'],
                  ['server', 'up'],
                ],
              }),
            ],
          },
        },
        { name: 'off for the route', send: 'GET /off' },
        { name: 'a direct response', send: 'GET /direct' },
      ],
    },
    {
      name: 'answers that come before the request has reached the filters',
      logFormat: '%REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%',
      hcm: 'path_with_escaped_slashes_action: REJECT_REQUEST',
      routes: '- {match: {prefix: /}, route: {cluster: a}}',
      filters: `[${EVERY_FILTER}, ${filter(`mutations: {response_mutations: [${append('x-code', '%RESPONSE_CODE%')}]}`).slice(1)}`,
      cases: [
        { name: 'no host', send: { raw: 'GET / HTTP/1.1\r\n\r\n' } },
        { name: 'a path that is refused', send: ['GET /a%2fb', 'GET /a#b'] },
        { name: 'a method that is none', send: { raw: 'FOO / HTTP/1.1\r\nhost: a\r\n\r\n' } },
        { name: 'a coding that is none', send: { raw: 'GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: foo\r\n\r\n' } },
        { name: 'an old version', send: { raw: 'GET / HTTP/1.0\r\n\r\n' } },
        { name: 'an upgrade that is refused', send: get('/', ['upgrade', 'foo'], ['connection', 'upgrade']) },
        { name: 'none of these', send: 'GET /' },
      ],
    },
    {
      name: 'early mutations',
      logFormat: '%REQ(:METHOD)% %REQ(X-ENVOY-RETRY-ON)% %RESPONSE_CODE% %RESPONSE_FLAGS% %ROUTE_NAME%',
      hcm: `{use_remote_address: true, xff_num_trusted_hops: 1, early_header_mutation_extensions: [${early(
        `${append('x-route', 'new', 'ADD_IF_ABSENT')}, {remove: x-forwarded-for}, ${append('x-path', '%REQ(:path)%')}, ${append('connection', 'x-hop', 'OVERWRITE_IF_EXISTS_OR_ADD')}`,
        `${append('x-route', 'later')}, ${append('x-envoy-retry-on', '5xx')}, ${append('x-request-id', 'chosen', 'ADD_IF_ABSENT')}, ${append('x-from', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')}, ${append('x-host', '%REQ(:authority)%')}`,
      ).join(', ')}]}`,
      routes: `
        - {name: new, match: {prefix: /, headers: [{name: x-route, string_match: {prefix: new}}]}, route: {cluster: a}}
        - {name: given, match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'routing sees them', send: ['GET /', get('/p?q=1', ['x-route', 'old'])] },
        { name: 'so do addresses and request ids', send: get('/', ['x-forwarded-for', '8.8.8.8, 9.9.9.9'], ['x-request-id', 'given']) },
        { name: 'and answers without a request', send: { raw: 'GET /a#b HTTP/1.1\r\nhost: x\r\n\r\n' } },
      ],
    },
    { name: 'levels', ...levels(false), cases: [{ name: 'the least specific is last', send: ['GET /own', 'GET /'] }] },
    {
      name: 'levels, the most specific wins',
      ...levels(true),
      cases: [{ name: 'the most specific is last', send: ['GET /own', 'GET /'] }],
    },
  ],
};
