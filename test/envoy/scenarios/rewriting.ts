import { type Area, after, bytes, get, reply, says } from '../harness/scenario.ts';

/** Redirects, direct responses, path and host rewrites. */
export const rewriting: Area = {
  name: 'rewriting',
  configurations: [
    {
      name: 'redirects',
      routes: [
        ['/path', '{path_redirect: /new}'],
        ['/query', '{path_redirect: "/new?fixed=1"}'],
        ['/relative', '{path_redirect: "new"}'],
        ['/host', '{host_redirect: other.test}'],
        ['/https', '{https_redirect: true}'],
        ['/scheme', '{scheme_redirect: ftp}'],
        ['/port', '{port_redirect: 8443}'],
        ['/hostport', '{host_redirect: other.test, port_redirect: 8443, https_redirect: true}'],
        ['/prefix', '{prefix_rewrite: /moved}'],
        ['/regex', '{regex_rewrite: {pattern: {regex: "/regex/(\\\\w+)"}, substitution: "/r-\\\\1"}}'],
        ['/strip', '{path_redirect: /stripped, strip_query: true}'],
        ['/302', '{path_redirect: /n, response_code: FOUND}'],
        ['/303', '{path_redirect: /n, response_code: SEE_OTHER}'],
        ['/307', '{path_redirect: /n, response_code: TEMPORARY_REDIRECT}'],
        ['/308', '{path_redirect: /n, response_code: PERMANENT_REDIRECT}'],
      ]
        .map(
          ([prefix, redirect]) =>
            `- {match: {prefix: ${prefix}}, redirect: ${redirect}, response_headers_to_add: [{header: {key: x-why, value: moved}}]}`,
        )
        .join('\n'),
      cases: [
        { name: 'path', send: ['GET /path', 'GET /path?a=1', 'GET /query?a=1', 'GET /relative'] },
        { name: 'host and scheme', send: ['GET /host?x', 'GET /https', 'GET /scheme'] },
        {
          name: 'ports',
          send: [
            { host: 'a.test:80', path: '/https' },
            { host: 'a.test:81', path: '/https' },
            { host: 'a.test:81', path: '/port' },
            { host: 'a.test:80', path: '/host' },
          ],
        },
        {
          name: 'IPv6 host with a port',
          send: [
            { host: '[::1]:80', path: '/https' },
            { host: '[::1]:8080', path: '/port' },
          ],
        },
        { name: 'everything at once', send: 'GET /hostport/x?y=z' },
        { name: 'prefix and regex', send: ['GET /prefix/x?y', 'GET /prefixed', 'GET /regex/abc/d?q=1'] },
        { name: 'strip the query', send: 'GET /strip?secret=1' },
        { name: 'codes', send: ['GET /302', 'GET /303', 'GET /307', 'GET /308'] },
        { name: 'HEAD', send: 'HEAD /path' },
        { name: 'a POST with its body', send: { method: 'POST', path: '/path', body: 'hello' } },
        {
          name: 'behind TLS',
          send: [
            { ...get('/path', ['x-forwarded-proto', 'https']) },
            { host: 'a.test:443', path: '/scheme', headers: [['x-forwarded-proto', 'https']] },
          ],
        },
      ],
    },
    {
      name: 'direct responses',
      routes: `
        - {match: {path: /body}, direct_response: {status: 200, body: {inline_string: "hello\\n"}}}
        - {match: {path: /empty}, direct_response: {status: 200}}
        - {match: {path: /204}, direct_response: {status: 204}}
        - {match: {path: /201}, direct_response: {status: 201, body: {inline_string: made}}}
        - {match: {path: /301}, direct_response: {status: 301}}
        - {match: {path: /304}, direct_response: {status: 304}}
        - {match: {path: /404}, direct_response: {status: 404, body: {inline_string: not here}}}
        - {match: {path: /599}, direct_response: {status: 599, body: {inline_bytes: aGVsbG8=}}}
        - match: {path: /typed}
          direct_response: {status: 200, body: {inline_string: "{}"}}
          response_headers_to_add: [{header: {key: content-type, value: application/json}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]
      `,
      cases: [
        { name: 'with a body', send: ['GET /body', 'HEAD /body', 'GET /body?x'] },
        { name: 'without a body', send: ['GET /empty', 'GET /204', 'GET /304'] },
        { name: 'with a location', send: ['GET /201', 'GET /301?q=1'] },
        { name: 'errors', send: ['GET /404', 'GET /599'] },
        { name: 'with a content type', send: 'GET /typed' },
        { name: 'to a gRPC request', send: { method: 'POST', path: '/404', headers: [['content-type', 'application/grpc']], body: '' } },
        { name: 'to a POST with a body', send: { method: 'POST', path: '/body', body: 'ignored' } },
        { name: 'to a POST whose body has not come', send: { raw: 'POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc' } },
        { name: 'to a chunked POST', send: { method: 'POST', path: '/body', chunks: ['ab', 'cd'] } },
      ],
    },
    {
      name: 'path rewrites',
      routes: `
        - {match: {prefix: /p/}, route: {cluster: a, prefix_rewrite: /}}
        - {match: {prefix: /dup}, route: {cluster: a, prefix_rewrite: /}}
        - {match: {path: /exact}, route: {cluster: a, prefix_rewrite: /other}}
        - {match: {path_separated_prefix: /sep}, route: {cluster: a, prefix_rewrite: /s}}
        - {match: {prefix: /CASE, case_sensitive: false}, route: {cluster: a, prefix_rewrite: /lower}}
        - {match: {safe_regex: {regex: "/whole/.*"}}, route: {cluster: a, prefix_rewrite: /replaced}}
        - {match: {prefix: /swap}, route: {cluster: a, regex_rewrite: {pattern: {regex: "/(\\\\w+)/(\\\\w+)"}, substitution: "/\\\\2/\\\\1"}}}
        - {match: {prefix: /all}, route: {cluster: a, regex_rewrite: {pattern: {regex: "a"}, substitution: "<\\\\0>"}}}
        - {match: {prefix: /quiet}, route: {cluster: a, prefix_rewrite: /loud}, request_headers_to_add: [{header: {key: x-seen, value: "%REQ(:PATH)%"}}]}
      `,
      cases: [
        { name: 'prefix', send: ['GET /p/x?q=1', 'GET /p/', 'GET /dup/x', 'GET /dup'] },
        { name: 'exact path', send: 'GET /exact?keep=1' },
        { name: 'separated prefix', send: ['GET /sep', 'GET /sep/x'] },
        { name: 'any case', send: 'GET /cAsE/Path' },
        { name: 'the whole path of a regex route', send: 'GET /whole/thing?q=/whole/' },
        { name: 'regex with groups', send: ['GET /swap/one/two/three?q=/a/b', 'GET /allaa?a=a'] },
        { name: 'header mutations see the path before', send: 'GET /quiet/x' },
      ],
    },
    {
      name: 'host rewrites',
      routes: `
        - {match: {prefix: /literal}, route: {cluster: a, host_rewrite_literal: "new.test:81"}}
        - {match: {prefix: /header}, route: {cluster: a, host_rewrite_header: x-host}}
        - {match: {prefix: /regex}, route: {cluster: a, host_rewrite_path_regex: {pattern: {regex: "/regex/([^/]+)/.*"}, substitution: "\\\\1.test"}}}
        - {match: {prefix: /xfh}, route: {cluster: a, host_rewrite_literal: n.test, append_x_forwarded_host: true}}
        - {match: {prefix: /auto}, route: {cluster: named, auto_host_rewrite: true}}
        - {match: {prefix: /autonone}, route: {cluster: a, auto_host_rewrite: true}}
      `,
      clusters: `
        - name: named
          load_assignment:
            cluster_name: named
            endpoints: [{lb_endpoints: [{endpoint: {hostname: endpoint.test, address: {socket_address: {address: 127.0.0.1, port_value: {{b}}}}}}]}]
      `,
      cases: [
        { name: 'literal', send: 'GET /literal' },
        { name: 'from a header', send: [get('/header', ['x-host', 'from.header']), get('/header'), get('/header', ['x-host', ''])] },
        { name: 'from the path', send: ['GET /regex/tenant/x?y', 'GET /regex'] },
        {
          name: 'x-forwarded-host',
          send: [get('/xfh'), get('/xfh', ['x-forwarded-host', 'first.test']), get('/xfh', ['x-forwarded-host', 'example.test'])],
        },
        { name: 'host name of the endpoint', send: ['GET /auto', 'GET /autonone'] },
      ],
    },
    {
      name: 'rewrites without Envoy headers',
      router: '{suppress_envoy_headers: true}',
      routes: `- {match: {prefix: /old}, route: {cluster: a, prefix_rewrite: /new, host_rewrite_literal: n.test}}`,
      cases: [{ name: 'nothing is added', send: 'GET /old/x' }],
    },
    {
      name: 'internal redirects',
      routes: `
        - {match: {prefix: /start}, route: {cluster: a, internal_redirect_policy: {max_internal_redirects: 2, redirect_response_codes: [302, 303, 307]}}}
        - {match: {prefix: /cross}, route: {cluster: a, internal_redirect_policy: {allow_cross_scheme_redirect: true}}}
        - {match: {prefix: /final}, route: {cluster: b}}
        - {match: {prefix: /plain}, route: {cluster: a}}
      `,
      hcm: '{internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}, use_remote_address: true}',
      cases: [
        {
          name: 'followed to another route',
          send: 'GET /start?x=1',
          upstream: { a: [reply({ status: '302 Found', headers: [['location', 'http://other.test/final?y=2']] })] },
        },
        {
          name: 'see other turns a POST into a GET',
          send: { method: 'POST', path: '/start', body: 'data' },
          upstream: { a: [reply({ status: '303 See Other', headers: [['location', 'http://other.test/final']] })] },
        },
        {
          name: 'a 307 repeats the body',
          send: { method: 'POST', path: '/start', body: 'data' },
          upstream: { a: [reply({ status: '307 Temporary Redirect', headers: [['location', 'http://other.test/final']] })] },
        },
        {
          name: 'no route for the target passes the redirect on',
          send: 'GET /start',
          upstream: { a: [reply({ status: '302 Found', headers: [['location', 'http://other.test/nowhere']] })] },
        },
        {
          name: 'other codes pass',
          send: 'GET /start',
          upstream: { a: [reply({ status: '301 Moved Permanently', headers: [['location', 'http://other.test/final']] })] },
        },
        {
          name: 'another scheme is not safe',
          send: 'GET /start',
          upstream: { a: [reply({ status: '302 Found', headers: [['location', 'https://other.test/final']] })] },
        },
        {
          name: 'too many',
          send: 'GET /start',
          upstream: {
            // Late, so that the connection that the first redirect opens is there when the second needs one.
            a: Array.from({ length: 4 }, () =>
              after(30, reply({ status: '302 Found', headers: [['location', 'http://other.test/start']] })),
            ),
          },
        },
        {
          name: 'no policy, no redirect',
          send: 'GET /plain',
          upstream: { a: [bytes('HTTP/1.1 302 Found\r\nlocation: http://other.test/final\r\ncontent-length: 0\r\n\r\n')] },
        },
      ],
    },
    {
      name: 'limits of a direct response body',
      routeConfig: '{max_direct_response_body_size_bytes: 10000}',
      routes: `- {match: {prefix: /}, ${says('x'.repeat(9000))}}`,
      cases: [{ name: 'a long body', send: 'GET /' }],
    },
  ],
};
