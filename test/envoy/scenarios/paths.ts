import { type Area, get, says } from '../harness/scenario.ts';

const PATHS = [
  '/a/./b/../c',
  '/a/b/../../..',
  '/%41%7e%2d',
  '/a%2fb',
  '/a%2Fb%5cc',
  '/a\\\\b',
  '//a///b',
  '/a/?q=/../x//y',
  '/a/..;/b',
  '/%',
  '/%zz',
  '/a/.',
  '/%2e%2e/x',
  '/.',
];
const all = PATHS.map((path) => ({ name: path, send: `GET ${path}` }));

/** Path normalisation, hosts and ports, customised local replies. */
export const paths: Area = {
  name: 'paths',
  configurations: [
    { name: 'untouched', cases: all },
    { name: 'normalised', hcm: '{normalize_path: true}', cases: all },
    { name: 'normalised and slashes merged', hcm: '{normalize_path: true, merge_slashes: true}', cases: all },
    {
      name: 'slashes merged',
      hcm: '{merge_slashes: true}',
      cases: [{ name: 'only slashes', send: ['GET //a///b/..//c', 'GET /a?x=//y'] }],
    },
    ...(['REJECT_REQUEST', 'UNESCAPE_AND_REDIRECT', 'UNESCAPE_AND_FORWARD', 'KEEP_UNCHANGED'] as const).map((action) => ({
      name: `escaped slashes: ${action}`,
      hcm: `{path_with_escaped_slashes_action: ${action}, normalize_path: true}`,
      cases: [
        { name: 'escaped', send: ['GET /a%2fb?x=%2f', 'GET /a%5Cb'] },
        { name: 'not escaped', send: 'GET /a/b?x=%2f' },
        { name: 'gRPC', send: { method: 'POST', path: '/a%2fb', headers: [['content-type', 'application/grpc']] as const, body: '' } },
      ],
    })),
    {
      name: 'any port stripped',
      hcm: '{strip_any_host_port: true}',
      virtualHosts: `- {name: a, domains: [a.test], routes: [{match: {prefix: /}, route: {cluster: a}}]}\n- {name: rest, domains: ["*"], routes: [{match: {prefix: /}, ${says('rest')}}]}`,
      cases: [{ name: 'port', send: [{ host: 'a.test:1234' }, { host: 'a.test' }, { host: '[::1]:80' }] }],
    },
    {
      name: 'matching port stripped',
      hcm: '{strip_matching_host_port: true}',
      cases: [
        { name: 'the port of the listener', send: { raw: 'GET / HTTP/1.1\r\nHost: a.test:{{listener}}\r\n\r\n' } },
        { name: 'another port', send: { host: 'a.test:80' } },
      ],
    },
    {
      name: 'trailing dot stripped',
      hcm: '{strip_trailing_host_dot: true}',
      cases: [{ name: 'dots', send: [{ host: 'a.test.' }, { host: 'a.test.:80' }, { host: 'a.test..' }, { host: '.' }] }],
    },
    {
      name: 'local replies mapped',
      hcm: `
        local_reply_config:
          mappers:
          - filter: {status_code_filter: {comparison: {op: EQ, value: {default_value: 404, runtime_key: x}}}}
            status_code: 418
            body: {inline_string: "mapped: %LOCAL_REPLY_BODY% %RESPONSE_CODE%"}
            headers_to_add: [{header: {key: x-mapped, value: "%REQ(:PATH)%"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]
          - filter: {response_flag_filter: {flags: [UF]}}
            body_format_override: {json_format: {code: "%RESPONSE_CODE%", flags: "%RESPONSE_FLAGS%", body: "%LOCAL_REPLY_BODY%", path: "%REQ(:path)%"}}
          - filter: {header_filter: {header: {name: x-ask, string_match: {exact: html}}}}
            body_format_override: {text_format_source: {inline_string: "<b>%RESPONSE_CODE%</b> %LOCAL_REPLY_BODY%"}, content_type: text/html}
          body_format: {text_format_source: {inline_string: "all: %LOCAL_REPLY_BODY% %RESPONSE_CODE%\\n"}}
      `,
      routes: `
        - {match: {prefix: /dead}, route: {cluster: dead}}
        - {match: {prefix: /d}, direct_response: {status: 200, body: {inline_string: direct}}}
        - {match: {prefix: /e}, direct_response: {status: 403}}
        - {match: {prefix: /a}, route: {cluster: a}}
      `,
      clusters: `[{name: dead, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}}]`,
      cases: [
        { name: 'by status', send: ['GET /none', 'HEAD /none'] },
        { name: 'by flag, JSON', send: 'GET /dead' },
        { name: 'by header, content type', send: get('/e', ['x-ask', 'html']) },
        { name: 'everything else', send: ['GET /d', 'GET /e'] },
        { name: 'gRPC', send: { method: 'POST', path: '/none', headers: [['content-type', 'application/grpc']], body: '' } },
        {
          name: 'responses of the upstream are left alone',
          send: 'GET /a',
          upstream: { a: [[{ send: 'HTTP/1.1 404 N\r\ncontent-length: 2\r\n\r\nno' }]] },
        },
        { name: 'errors of the codec', send: { raw: 'GET / HTTP/1.1\r\nbad header: 1\r\n\r\n' } },
      ],
    },
  ],
};
