import { type Area, bytes, get } from '../harness/scenario.ts';

const add = (key: string, value: string, action?: string): string =>
  `{header: {key: ${key}, value: "${value}"}${action === undefined ? '' : `, append_action: ${action}`}}`;

const UPSTREAM_HEADERS = bytes(
  'HTTP/1.1 200 OK\r\nx-up: 1\r\nX-Up: 2\r\nx-gone: z\r\nServer: real\r\nVia: up\r\ncontent-length: 0\r\n\r\n',
);

/** Header mutations of routes, and the operators in them. */
export const headers: Area = {
  name: 'headers',
  configurations: [
    {
      name: 'append actions on requests',
      routes: `
        - match: {prefix: /}
          route: {cluster: a}
          request_headers_to_add:
          - ${add('x-append', 'new')}
          - ${add('x-absent', 'new', 'ADD_IF_ABSENT')}
          - ${add('x-over', 'new', 'OVERWRITE_IF_EXISTS_OR_ADD')}
          - ${add('x-exists', 'new', 'OVERWRITE_IF_EXISTS')}
          - ${add('x-empty', '')}
          - {header: {key: x-kept, value: ""}, keep_empty_value: true}
          - ${add('accept', 'text/new')}
          - ${add('cookie', 'new=1')}
          - ${add('X-Case', 'Value')}
          request_headers_to_remove: [x-remove, X-Remove-Too, user-agent]
      `,
      cases: [
        { name: 'on none', send: 'GET /' },
        {
          name: 'on one',
          send: get(
            '/',
            ['x-append', 'old'],
            ['x-absent', 'old'],
            ['x-over', 'old'],
            ['x-exists', 'old'],
            ['x-empty', 'old'],
            ['x-kept', 'old'],
          ),
        },
        {
          name: 'on two',
          send: get('/', ['x-append', '1'], ['x-append', '2'], ['x-over', '1'], ['x-over', '2'], ['x-exists', '1'], ['x-exists', '2']),
        },
        { name: 'on lists', send: get('/', ['accept', 'a/b'], ['cookie', 'a=b'], ['accept', 'c/d'], ['cookie', 'c=d']) },
        { name: 'removed', send: get('/', ['x-remove', '1'], ['x-remove', '2'], ['x-remove-too', '3'], ['user-agent', 'me']) },
      ],
    },
    {
      name: 'append actions on responses',
      routes: `
        - match: {path: /direct}
          direct_response: {status: 418, body: {inline_string: x}}
          response_headers_to_add: [${add('x-code', '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%')}, ${add('content-type', 'text/own', 'OVERWRITE_IF_EXISTS_OR_ADD')}]
        - match: {path: /redirect}
          redirect: {path_redirect: /elsewhere}
          response_headers_to_add: [${add('x-code', '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%')}, ${add('location', '/there', 'OVERWRITE_IF_EXISTS_OR_ADD')}]
        - match: {path: /none}
          route: {cluster_header: x-no}
          response_headers_to_add: [${add('x-code', '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS%')}]
        - match: {prefix: /}
          route: {cluster: a}
          response_headers_to_add:
          - ${add('x-up', '3')}
          - ${add('x-absent', 'new', 'ADD_IF_ABSENT')}
          - ${add('x-over', '%RESP(x-up)%', 'OVERWRITE_IF_EXISTS_OR_ADD')}
          - ${add('via', 'route')}
          - ${add('content-type', 'text/route', 'ADD_IF_ABSENT')}
          - ${add('x-code', '%RESPONSE_CODE%')}
          response_headers_to_remove: [x-gone, x-envoy-upstream-service-time]
      `,
      cases: [
        { name: 'all of them', send: 'GET /', upstream: { a: [UPSTREAM_HEADERS] } },
        { name: 'on a bare response', send: 'GET /' },
        { name: 'on responses of the proxy', send: ['GET /direct', 'GET /redirect', 'GET /none'] },
        {
          name: 'on an error of the upstream',
          send: 'GET /',
          upstream: { a: [bytes('HTTP/1.1 500 Broken Thing\r\ncontent-length: 3\r\n\r\nerr')] },
        },
      ],
    },
    {
      name: 'levels, the most general last',
      routeConfig: `{request_headers_to_add: [${add('x-l', 'config')}], response_headers_to_add: [${add('x-r', 'config')}], request_headers_to_remove: [x-drop]}`,
      virtualHosts: `
        - name: v
          domains: ["*"]
          request_headers_to_add: [${add('x-l', 'vhost')}, ${add('x-o', 'vhost', 'OVERWRITE_IF_EXISTS_OR_ADD')}]
          response_headers_to_add: [${add('x-r', 'vhost')}]
          response_headers_to_remove: [x-up]
          routes:
          - match: {prefix: /}
            route: {weighted_clusters: {clusters: [{name: a, weight: 1, request_headers_to_add: [${add('x-l', 'entry')}], response_headers_to_add: [${add('x-r', 'entry')}]}]}}
            request_headers_to_add: [${add('x-l', 'route')}, ${add('x-o', 'route', 'OVERWRITE_IF_EXISTS_OR_ADD')}, ${add('x-drop', 'added')}]
            response_headers_to_add: [${add('x-r', 'route')}, ${add('x-up', 'route')}]
      `,
      cases: [{ name: 'order of evaluation', send: get('/', ['x-l', 'client'], ['x-drop', 'x']), upstream: { a: [UPSTREAM_HEADERS] } }],
    },
    {
      name: 'levels, the most specific last',
      routeConfig: `{most_specific_header_mutations_wins: true, request_headers_to_add: [${add('x-o', 'config', 'OVERWRITE_IF_EXISTS_OR_ADD')}], response_headers_to_add: [${add('x-r', 'config')}]}`,
      virtualHosts: `
        - name: v
          domains: ["*"]
          request_headers_to_add: [${add('x-o', 'vhost', 'OVERWRITE_IF_EXISTS_OR_ADD')}]
          response_headers_to_add: [${add('x-r', 'vhost')}]
          routes:
          - match: {prefix: /}
            route: {cluster: a}
            request_headers_to_add: [${add('x-o', 'route', 'OVERWRITE_IF_EXISTS_OR_ADD')}]
            response_headers_to_add: [${add('x-r', 'route')}]
      `,
      cases: [{ name: 'order of evaluation', send: 'GET /' }],
    },
    {
      name: 'operators in header values',
      routes: `
        - match: {prefix: /}
          name: the-route
          route: {cluster: a}
          request_headers_to_add:
          - ${add('x-01', '%REQ(x-in)%')}
          - ${add('x-02', '%REQ(x-none?x-in)%')}
          - ${add('x-03', '%REQ(x-in):3%')}
          - ${add('x-04', '[%REQ(x-none)%]')}
          - ${add('x-05', '%REQ(x-none)%')}
          - ${add('x-06', '100%%')}
          - ${add('x-07', '%PROTOCOL%')}
          - ${add('x-08', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')}
          - ${add('x-09', '%DOWNSTREAM_LOCAL_PORT%')}
          - ${add('x-10', '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%')}
          - ${add('x-11', '%ROUTE_NAME%')}
          - ${add('x-12', '%REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)%')}
          - ${add('x-13', '%UPSTREAM_CLUSTER%')}
          - ${add('x-14', '%START_TIME(%Y)%')}
          - ${add('x-15', '%PATH(NQ:PATH)%')}
          - ${add('x-16', '%QUERY_PARAM(q)%')}
          - ${add('x-17', '%ENVIRONMENT(OUTRIDER_NOT_SET)%')}
          - ${add('x-18', '%RESPONSE_FLAGS%')}
          - ${add('x-19', '%REQ(x-twice)%')}
          response_headers_to_add:
          - ${add('x-31', '%RESP(x-up)% %REQ(x-in)%')}
          - ${add('x-32', '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%')}
          - ${add('x-33', '%UPSTREAM_CLUSTER% %UPSTREAM_HOST%')}
          - ${add('x-34', '%UPSTREAM_REQUEST_ATTEMPT_COUNT%')}
          - ${add('x-35', '%BYTES_RECEIVED%')}
          - ${add('x-36', '%UPSTREAM_METADATA(ns:key)%')}
          - ${add('x-37', '%DYNAMIC_METADATA(ns:key)%')}
          - ${add('x-38', '%RESP(x-gone?x-up):1%')}
          - ${add('x-39', '%UPSTREAM_REMOTE_PORT%')}
      `,
      cases: [
        { name: 'all', send: get('/p?q=val&r', ['x-in', 'incoming'], ['x-twice', '1'], ['x-twice', '2']) },
        {
          name: 'with an upstream that sends some',
          send: { method: 'POST', path: '/p', headers: [['x-in', 'i']], body: '12345' },
          upstream: { a: [UPSTREAM_HEADERS] },
        },
      ],
    },
    {
      name: 'attempt counts and header limits of the virtual host',
      virtualHosts: `
        - name: v
          domains: ["*"]
          include_request_attempt_count: true
          include_attempt_count_in_response: true
          include_is_timeout_retry_header: true
          routes:
          - {match: {prefix: /r}, route: {cluster: a, retry_policy: {retry_on: 5xx, num_retries: 2, retry_back_off: {base_interval: 0.001s}}}}
          - {match: {prefix: /d}, direct_response: {status: 200}}
          - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'one attempt', send: get('/', ['x-envoy-attempt-count', '99']) },
        {
          name: 'three attempts',
          send: 'GET /r',
          upstream: { a: [bytes('HTTP/1.1 500 E\r\ncontent-length: 0\r\n\r\n'), bytes('HTTP/1.1 500 E\r\ncontent-length: 0\r\n\r\n')] },
        },
        { name: 'direct responses have none', send: 'GET /d' },
      ],
    },
    {
      name: 'header names in the configured case',
      hcm: '{http_protocol_options: {header_key_format: {proper_case_words: {}}}}',
      cluster: {
        a: `
          typed_extension_protocol_options:
            envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
              "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
              explicit_http_config: {http_protocol_options: {header_key_format: {proper_case_words: {}}}}
        `,
      },
      cases: [{ name: 'proper case', send: get('/', ['x-SOME-thing', 'v'], ['a_b-c.d', 'v']), upstream: { a: [UPSTREAM_HEADERS] } }],
    },
    {
      name: 'header names in their own case',
      hcm: `
        http_protocol_options:
          header_key_format:
            stateful_formatter: {name: preserve_case, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig}}
      `,
      cluster: {
        a: `
          typed_extension_protocol_options:
            envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
              "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
              explicit_http_config:
                http_protocol_options:
                  header_key_format:
                    stateful_formatter: {name: preserve_case, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig}}
        `,
      },
      cases: [
        { name: 'preserved both ways', send: get('/', ['X-SoMe-Thing', 'v'], ['ACCEPT', '*/*']), upstream: { a: [UPSTREAM_HEADERS] } },
      ],
    },
  ],
};
