import { describe, expect, test } from 'vitest';
import { ResponseHeaders } from '../../src/http/header-map.ts';
import { matchRoute, request, routesOnly, routeTable, streamInfo } from '../support/route-rig.ts';

/** Path and authority after the route's own edits, with the x-envoy-original-* and x-forwarded-host lines. */
function sent(route: string, line: string, headers: readonly string[] = [], suppress = false): string[] {
  const table = routeTable(routesOnly(`- ${route}`));
  const made = request(line, ...headers);
  matchRoute(table, made)?.finalizeRequestHeaders(made, streamInfo(made), suppress);
  const kept = ['x-envoy-original-path', 'x-envoy-original-host', 'x-forwarded-host'];
  return [made.authority + made.path, ...made.names.flatMap((name, i) => (kept.includes(name) ? [`${name}: ${made.values[i]}`] : []))];
}

describe('path rewrites', () => {
  const rx = '{pattern: {regex: "/a/([^/]+)/b"}, substitution: "/\\\\1"}';
  test.each([
    ['{match: {prefix: /p/}, route: {cluster: c, prefix_rewrite: /}}', '/p/x?q=1', '/x?q=1'],
    ['{match: {prefix: /p}, route: {cluster: c, prefix_rewrite: /}}', '/p/x', '//x'],
    ['{match: {prefix: /P, case_sensitive: false}, route: {cluster: c, prefix_rewrite: /n}}', '/pX/y', '/nX/y'],
    ['{match: {path: /p}, route: {cluster: c, prefix_rewrite: /n}}', '/p?q', '/n?q'],
    ['{match: {path_separated_prefix: /p}, route: {cluster: c, prefix_rewrite: /n}}', '/p/x', '/n/x'],
    ['{match: {safe_regex: {regex: "/p.*"}}, route: {cluster: c, prefix_rewrite: /n}}', '/p/x?q', '/n?q'],
    [`{match: {prefix: /}, route: {cluster: c, regex_rewrite: ${rx}}}`, '/a/1/b/c?q=/a/2/b', '/1/c?q=/a/2/b'],
    ['{match: {prefix: /}, route: {cluster: c, regex_rewrite: {pattern: {regex: "o+"}, substitution: "0"}}}', '/foo/boo?o', '/f0/b0?o'],
    // A reference to no group rewrites nothing, a bad escape cuts the substitution off, as in RE2.
    ['{match: {prefix: /}, route: {cluster: c, regex_rewrite: {pattern: {regex: "f"}, substitution: "1\\\\x2"}}}', '/foo', '/1oo'],
    ['{match: {prefix: /}, route: {cluster: c, regex_rewrite: {pattern: {regex: "o"}, substitution: "\\\\1"}}}', '/foo', '/foo'],
  ])('%s: %s becomes %s', (route, path, rewritten) => {
    expect(sent(route, `GET http://h${path}`)).toEqual([`h${rewritten}`, `x-envoy-original-path: ${path}`]);
    expect(sent(route, `GET http://h${path}`, [], true)).toEqual([`h${rewritten}`]);
  });

  test('by template', () => {
    const type = 'type.googleapis.com/envoy.extensions.path';
    const route =
      `{match: {path_match_policy: {name: m, typed_config: {"@type": ${type}.match.uri_template.v3.UriTemplateMatchConfig, path_template: "/a/{x}/{y=**}"}}}, ` +
      `route: {cluster: c, path_rewrite_policy: {name: r, typed_config: {"@type": ${type}.rewrite.uri_template.v3.UriTemplateRewriteConfig, path_template_rewrite: "/{y}/of/{x}"}}}}`;
    expect(sent(route, 'GET http://h/a/1/2/3?q')[0]).toBe('h/2/3/of/1?q');
  });

  test('none leaves the request alone', () => {
    expect(sent('{match: {prefix: /}, route: {cluster: c}}', 'GET http://h/x?y')).toEqual(['h/x?y']);
  });
});

describe('host rewrites', () => {
  test.each([
    ['host_rewrite_literal: new', [], ['new/x/y', 'x-envoy-original-host: h']],
    ['host_rewrite_header: x-host', ['x-host: new'], ['new/x/y', 'x-envoy-original-host: h']],
    ['host_rewrite_header: x-host', ['x-host: '], ['h/x/y']],
    ['host_rewrite_header: x-host', [], ['h/x/y']],
    ['host_rewrite_path_regex: {pattern: {regex: "^/(.+)/.+$"}, substitution: "\\\\1"}', [], ['x/x/y', 'x-envoy-original-host: h']],
    ['host_rewrite_literal: new, append_x_forwarded_host: true', [], ['new/x/y', 'x-envoy-original-host: h', 'x-forwarded-host: h']],
    [
      'host_rewrite_literal: new, append_x_forwarded_host: true',
      ['x-forwarded-host: a,h'],
      ['new/x/y', 'x-forwarded-host: a,h', 'x-envoy-original-host: h'],
    ],
    [
      'host_rewrite_literal: new, append_x_forwarded_host: true',
      ['x-forwarded-host: h,a'],
      ['new/x/y', 'x-forwarded-host: h,a,h', 'x-envoy-original-host: h'],
    ],
    ['host_rewrite_literal: new, append_x_forwarded_host: false', [], ['new/x/y', 'x-envoy-original-host: h']],
  ])('%s with %j', (rewrite, headers, expected) => {
    expect(sent(`{match: {prefix: /}, route: {cluster: c, ${rewrite}}}`, 'GET http://h/x/y', headers)).toEqual(expected);
  });

  test('header mutations see the original path and host', () => {
    const table = routeTable(
      routesOnly(
        '- {match: {prefix: /}, request_headers_to_add: [{header: {key: x-was, value: "%REQ(:AUTHORITY)%%REQ(:PATH)%"}}], route: {cluster: c, prefix_rewrite: /n/, host_rewrite_literal: new}}',
      ),
    );
    const headers = request('GET http://h/x');
    matchRoute(table, headers)?.finalizeRequestHeaders(headers, streamInfo(headers), true);
    expect([headers.authority, headers.path, headers.get('x-was')]).toEqual(['new', '/n/x', 'h/x']);
  });
});

describe('redirects', () => {
  test.each([
    ['https_redirect: true', 'http://a.com/x?y', 'https://a.com/x?y'],
    ['https_redirect: true', 'http://a.com:80/', 'https://a.com/'],
    ['https_redirect: true', 'http://a.com:8080/', 'https://a.com:8080/'],
    ['https_redirect: true', 'http://[::1]:80/', 'https://[::1]/'],
    ['https_redirect: true', 'http://[::1]/', 'https://[::1]/'],
    ['https_redirect: true, port_redirect: 8443', 'http://a.com:80/', 'https://a.com:8443/'],
    ['scheme_redirect: ftp', 'http://a.com/', 'ftp://a.com/'],
    ['host_redirect: b.com', 'http://a.com:8080/x', 'http://b.com/x'],
    ['host_redirect: b.com, port_redirect: 81', 'http://a.com/x', 'http://b.com:81/x'],
    ['port_redirect: 81', 'http://a.com:80/x', 'http://a.com:81/x'],
    ['path_redirect: /n', 'http://a.com/o?x=1', 'http://a.com/n?x=1'],
    ['path_redirect: "/n?y"', 'http://a.com/o?x=1', 'http://a.com/n?y'],
    ['path_redirect: "/n?y", strip_query: true', 'http://a.com/o?x=1', 'http://a.com/n?y'],
    ['path_redirect: /n, strip_query: true', 'http://a.com/o?x=1', 'http://a.com/n'],
    ['strip_query: true', 'http://a.com/o?x=1', 'http://a.com/o'],
    ['path_redirect: new', 'http://a.com/o', 'http://a.com/new'],
    ['prefix_rewrite: /n', 'http://a.com/x?y', 'http://a.com/nx?y'],
    ['regex_rewrite: {pattern: {regex: "a(b)?"}, substitution: "<\\\\1>"}', 'http://a.com/xabya?ab', 'http://a.com/x<b>y<>?ab'],
  ])('%s: %s to %s', (redirect, url, location) => {
    const table = routeTable(routesOnly(`- {match: {prefix: /}, redirect: {${redirect}}}`));
    const headers = request(`GET ${url}`);
    const direct = matchRoute(table, headers)?.direct;
    expect([direct?.status, direct?.location(headers)]).toEqual([301, location]);
  });

  test.each([
    ['MOVED_PERMANENTLY', 301],
    ['FOUND', 302],
    ['SEE_OTHER', 303],
    ['TEMPORARY_REDIRECT', 307],
    ['PERMANENT_REDIRECT', 308],
  ])('%s is %d', (code, status) => {
    const table = routeTable(routesOnly(`- {match: {prefix: /}, redirect: {host_redirect: b, response_code: ${code}}}`));
    expect(matchRoute(table, request('GET http://a/'))?.direct?.status).toBe(status);
  });

  test('the log sees the rewritten path', () => {
    const table = routeTable(routesOnly('- {match: {prefix: /x}, redirect: {prefix_rewrite: /n}}'));
    const headers = request('GET http://a/x/y?q');
    matchRoute(table, headers)?.direct?.rewritePath(headers, false);
    expect([headers.path, headers.get('x-envoy-original-path')]).toEqual(['/n/y?q', '/x/y?q']);
  });
});

describe('direct responses', () => {
  test.each([
    [200, null],
    [201, 'http://a/x?y'],
    [302, 'http://a/x?y'],
    [404, null],
  ])('%d has location %s', (status, location) => {
    const table = routeTable(routesOnly(`- {match: {prefix: /}, direct_response: {status: ${status}, body: {inline_string: "é"}}}`));
    const headers = request('GET http://a/x?y');
    const direct = matchRoute(table, headers)?.direct;
    expect([direct?.status, direct?.body, direct?.location(headers)]).toEqual([status, '\u00c3\u00a9', location]);
  });
});

describe('header mutations', () => {
  const add = (key: string, value: string, more = '') => `{header: {key: ${key}, value: "${value}"}${more}}`;

  function edited(mutations: string, lines: readonly string[]): string[] {
    const table = routeTable(routesOnly(`- {match: {prefix: /}, route: {cluster: c}, ${mutations}}`));
    const headers = request('GET http://a/p?q', ...lines);
    matchRoute(table, headers)?.finalizeRequestHeaders(headers, streamInfo(headers), false);
    return headers.names.map((name, i) => `${name}: ${headers.values[i]}`).slice(1);
  }

  test.each([
    [`request_headers_to_add: [${add('X-New', 'v')}]`, [], ['x-new: v']],
    [`request_headers_to_add: [${add('x', 'v')}]`, ['x: 1'], ['x: 1', 'x: v']],
    [`request_headers_to_add: [${add('accept', 'v')}]`, ['accept: 1'], ['accept: 1,v']],
    [`request_headers_to_add: [${add('x', 'v', ', append: false')}]`, ['x: 1', 'x: 2'], ['x: v']],
    [`request_headers_to_add: [${add('x', 'v', ', append_action: ADD_IF_ABSENT')}]`, ['x: 1'], ['x: 1']],
    [`request_headers_to_add: [${add('x', 'v', ', append_action: ADD_IF_ABSENT')}]`, [], ['x: v']],
    [`request_headers_to_add: [${add('x', 'v', ', append_action: OVERWRITE_IF_EXISTS')}]`, [], []],
    [`request_headers_to_add: [${add('x', 'v', ', append_action: OVERWRITE_IF_EXISTS')}]`, ['x: 1'], ['x: v']],
    [`request_headers_to_add: [${add('x', 'v', ', append_action: OVERWRITE_IF_EXISTS_OR_ADD')}]`, [], ['x: v']],
    // What is overwritten moves to the end.
    [`request_headers_to_add: [${add('x', 'v', ', append: false')}]`, ['x: 1', 'b: 2'], ['b: 2', 'x: v']],
    ['request_headers_to_remove: [X]', ['x: 1', 'b: 2', 'x: 3'], ['b: 2']],
    [`request_headers_to_remove: [x], request_headers_to_add: [${add('x', 'v')}]`, ['x: 1'], ['x: v']],
    [`request_headers_to_add: [${add('x', '%REQ(missing)%')}]`, [], []],
    [`request_headers_to_add: [${add('x', '%REQ(missing)%', ', keep_empty_value: true')}]`, [], ['x: ']],
    [`request_headers_to_add: [${add('x', '')}]`, [], []],
    [`request_headers_to_add: [${add('x', '100%%')}]`, [], ['x: 100%']],
    [`request_headers_to_add: [${add('x', '%REQ(:METHOD)% %PROTOCOL%%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')}]`, [], ['x: GET 10.0.0.2']],
    // Formats see the headers as they came, whatever stands before them in the list.
    [`request_headers_to_add: [${add('x', '1', ', append: false')}, ${add('z', '%REQ(x)%')}]`, ['x: 0'], ['x: 1', 'z: 0']],
    // Overwriting comes before appending.
    [`request_headers_to_add: [${add('x', 'a')}, ${add('x', 'o', ', append: false')}]`, ['x: 0'], ['x: o', 'x: a']],
  ])('%s with %j', (mutations, lines, expected) => {
    expect(edited(mutations, lines)).toEqual(expected);
  });

  const levels = (wins: boolean) => `
name: r
most_specific_header_mutations_wins: ${wins}
request_headers_to_add: [${add('x', 'config', ', append: false')}]
response_headers_to_add: [${add('x', 'config')}]
virtual_hosts:
- name: v
  domains: ["*"]
  request_headers_to_add: [${add('x', 'host', ', append: false')}]
  response_headers_to_add: [${add('x', 'host')}]
  routes:
  - match: {prefix: /}
    request_headers_to_add: [${add('x', 'route', ', append: false')}]
    response_headers_to_add: [${add('x', 'route')}]
    route:
      weighted_clusters:
        clusters:
        - {name: c, weight: 1, request_headers_to_add: [${add('x', 'entry', ', append: false')}], response_headers_to_add: [${add('x', 'entry')}]}
`;
  test.each([
    [false, 'config', ['entry', 'route', 'host', 'config']],
    [true, 'route', ['entry', 'config', 'host', 'route']],
  ])('most_specific_header_mutations_wins %s: the last writer is %s', (wins, last, responseOrder) => {
    const table = routeTable(levels(wins));
    const headers = request('GET http://a/');
    const route = matchRoute(table, headers);
    route?.finalizeRequestHeaders(headers, streamInfo(headers), false);
    expect(headers.get('x')).toBe(last);
    const response = new ResponseHeaders(200);
    route?.finalizeResponseHeaders(response, streamInfo(headers));
    expect(response.getAll('x')).toEqual(responseOrder);
  });

  test('response formats see request and response', () => {
    const table = routeTable(
      routesOnly(
        `- {match: {prefix: /}, route: {cluster: c}, response_headers_to_add: [${add('x', '%REQ(a)% %RESP(b)%')}], response_headers_to_remove: [gone]}`,
      ),
    );
    const headers = request('GET http://a/', 'a: 1');
    const response = new ResponseHeaders(200);
    response.add('b', '2');
    response.add('gone', '3');
    matchRoute(table, headers)?.finalizeResponseHeaders(response, streamInfo(headers));
    expect(response.names.map((name, i) => `${name}: ${response.values[i]}`)).toEqual(['b: 2', 'x: 1 2']);
  });
});
