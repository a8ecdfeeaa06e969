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

/** The header_mutation filter. */
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
    { name: 'levels', ...levels(false), cases: [{ name: 'the least specific is last', send: ['GET /own', 'GET /'] }] },
    {
      name: 'levels, the most specific wins',
      ...levels(true),
      cases: [{ name: 'the most specific is last', send: ['GET /own', 'GET /'] }],
    },
  ],
};
