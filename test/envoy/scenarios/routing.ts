import { type Area, get, says } from '../harness/scenario.ts';

/** Which virtual host and which route a request gets. */
export const routing: Area = {
  name: 'routing',
  configurations: [
    {
      name: 'path matchers and their order',
      routes: `
        - {name: exact, match: {path: /exact}, ${says('exact')}}
        - {name: nocase, match: {path: /NoCase, case_sensitive: false}, ${says('nocase')}}
        - {name: prefix-nocase, match: {prefix: /PreNo, case_sensitive: false}, ${says('prefix-nocase')}}
        - {name: regex, match: {safe_regex: {regex: "/re/[a-z]+\\\\d?"}}, ${says('regex')}}
        - {name: separated, match: {path_separated_prefix: /api/v1}, ${says('separated')}}
        - {name: first, match: {prefix: /pre/long}, ${says('first')}}
        - {name: shadowing, match: {prefix: /pre}, ${says('second')}}
        - {name: never, match: {prefix: /pre/other}, ${says('never')}}
        - {name: to-upstream, match: {prefix: /up}, route: {cluster: a}}
      `,
      cases: [
        { name: 'path', send: ['GET /exact', 'GET /exact?q=1', 'GET /exact/', 'GET /Exact'] },
        { name: 'path, any case', send: ['GET /nocase', 'GET /NOCASE?x'] },
        { name: 'prefix, any case', send: 'GET /PRENOthing' },
        {
          name: 'regex matches the whole path without the query',
          send: ['GET /re/abc1?q', 'GET /re/abc1/x', 'GET /x/re/abc', 'GET /re/ABC'],
        },
        { name: 'path-separated prefix', send: ['GET /api/v1', 'GET /api/v1/x', 'GET /api/v1?x', 'GET /api/v1x', 'GET /api/v1/'] },
        { name: 'the first route that matches wins', send: ['GET /pre/long/x', 'GET /pre/other', 'GET /pre'] },
        { name: 'the path goes upstream as it came', send: ['GET /up/%41%2f..//x?q=%20&r', 'GET /up;param=1', 'GET /up?'] },
        { name: 'no route', send: ['GET /', 'POST /nothing', 'HEAD /nothing'] },
      ],
    },
    {
      name: 'path parameters ignored',
      routeConfig: '{ignore_path_parameters_in_path_matching: true}',
      routes: `
        - {match: {path: /a}, route: {cluster: a}}
        - {match: {prefix: /b/c}, route: {cluster: b}}
      `,
      cases: [{ name: 'text after ; does not count', send: ['GET /a;x=1', 'GET /b/c;v', 'GET /b;x/c'] }],
    },
    {
      name: 'header matchers',
      routes: [
        ['exact', '{name: x-e, string_match: {exact: one}}'],
        ['exact-nocase', '{name: x-e, string_match: {exact: TWO, ignore_case: true}}'],
        ['prefix', '{name: x-p, string_match: {prefix: ab}}'],
        ['suffix', '{name: x-s, string_match: {suffix: yz}}'],
        ['contains', '{name: x-c, string_match: {contains: mid}}'],
        ['regex', '{name: x-r, string_match: {safe_regex: {regex: "[0-9]+"}}}'],
        ['range', '{name: x-n, range_match: {start: -5, end: 10}}'],
        ['present', '{name: x-here, present_match: true}'],
        ['absent', '{name: x-probe, present_match: false}, {name: x-absent, string_match: {exact: please}}'],
        ['inverted', '{name: x-i, string_match: {exact: no}, invert_match: true}'],
        ['inverted-range', '{name: x-ir, range_match: {start: 1, end: 5}, invert_match: true}'],
        ['inverted-present', '{name: x-j, present_match: true, invert_match: true}, {name: x-ask, string_match: {exact: inverted}}'],
        [
          'empty',
          '{name: x-m, string_match: {exact: ""}, treat_missing_header_as_empty: true}, {name: x-ask, string_match: {exact: empty}}',
        ],
        ['method', '{name: ":method", string_match: {exact: DELETE}}'],
        ['authority', '{name: ":authority", string_match: {prefix: "api."}}'],
        ['scheme', '{name: ":scheme", string_match: {exact: https}}'],
        ['bare', '{name: x-bare}'],
      ]
        .map(([name, matchers]) => `- {match: {prefix: /, headers: [${matchers}]}, ${says(name as string)}}`)
        .join('\n'),
      cases: [
        { name: 'exact', send: [get('/', ['x-e', 'one']), get('/', ['X-E', 'tWo']), get('/', ['x-e', 'three'])] },
        {
          name: 'several values are joined with a comma',
          send: [get('/', ['x-e', 'one'], ['x-e', 'one']), get('/', ['x-p', 'ab'], ['x-p', 'zz'])],
        },
        { name: 'prefix', send: [get('/', ['x-p', 'abc']), get('/', ['x-p', 'a'])] },
        { name: 'suffix', send: [get('/', ['x-s', 'xyz']), get('/', ['x-s', 'yzx'])] },
        { name: 'contains', send: [get('/', ['x-c', 'amidst']), get('/', ['x-c', 'md'])] },
        { name: 'regex is anchored', send: [get('/', ['x-r', '123']), get('/', ['x-r', '123a'])] },
        {
          name: 'range is half open and needs a whole number',
          send: [
            get('/', ['x-n', '-5']),
            get('/', ['x-n', '9']),
            get('/', ['x-n', '10']),
            get('/', ['x-n', '1.5']),
            get('/', ['x-n', ' 3 ']),
          ],
        },
        { name: 'present', send: [get('/', ['x-here', '']), get('/', ['x-here', 'v'])] },
        { name: 'absent', send: [get('/', ['x-absent', 'please']), get('/', ['x-absent', 'please'], ['x-probe', '1'])] },
        { name: 'an inverted matcher needs the header', send: [get('/', ['x-i', 'yes']), get('/', ['x-i', 'no']), get('/')] },
        { name: 'inverted range', send: [get('/', ['x-ir', '7']), get('/', ['x-ir', '3']), get('/', ['x-ir', 'seven'])] },
        { name: 'inverted presence', send: [get('/', ['x-ask', 'inverted']), get('/', ['x-ask', 'inverted'], ['x-j', '1'])] },
        { name: 'a missing header taken as empty', send: get('/', ['x-ask', 'empty']) },
        { name: 'pseudo headers', send: ['DELETE /', { host: 'api.test' }, get('/', ['x-forwarded-proto', 'https'])] },
        { name: 'a matcher without a value asks for presence', send: get('/', ['x-bare', 'x']) },
      ],
    },
    {
      name: 'query parameter matchers',
      routes: [
        ['exact', '{name: a, string_match: {exact: "1"}}'],
        ['prefix', '{name: b, string_match: {prefix: x}}'],
        ['regex', '{name: c, string_match: {safe_regex: {regex: "\\\\d+"}}}'],
        ['present', '{name: d, present_match: true}'],
        ['bare', '{name: e}'],
        ['both', '{name: f, string_match: {exact: "1"}}, {name: g, string_match: {exact: "2"}}'],
        ['absent', '{name: z, present_match: false}'],
      ]
        .map(([name, matchers]) => `- {match: {prefix: /, query_parameters: [${matchers}]}, ${says(name as string)}}`)
        .join('\n'),
      cases: [
        { name: 'exact', send: ['GET /?a=1', 'GET /?x=y&a=1', 'GET /?z&a=2', 'GET /?a=2&a=1&z', 'GET /?a=%31&z'] },
        { name: 'prefix and regex', send: ['GET /?b=xyz', 'GET /?c=42', 'GET /?c=4x&z'] },
        { name: 'presence', send: ['GET /?d', 'GET /?d=', 'GET /?e=1', 'GET /?e'] },
        { name: 'all have to match', send: ['GET /?f=1&g=2', 'GET /?f=1&z'] },
        { name: 'absence', send: ['GET /', 'GET /?z=1'] },
      ],
    },
    {
      name: 'domains',
      virtualHosts: [
        ['exact', 'www.shop.test'],
        ['upper', 'UPPER.test'],
        ['port', 'port.test:8080'],
        ['suffix', '*.shop.test'],
        ['long-suffix', '*-x.shop.test'],
        ['prefix', 'shop.*'],
        ['long-prefix', 'shop.a.*'],
        ['v6', '"[::1]:80"'],
        ['default', '*'],
      ]
        .map(
          ([name, domain]) =>
            `- {name: ${name}, domains: [${domain === '*' ? '"*"' : domain?.startsWith('"') ? domain : `"${domain}"`}], routes: [{match: {prefix: /}, ${says(name as string)}}]}`,
        )
        .join('\n'),
      cases: [
        { name: 'exact, in any case', send: [{ host: 'www.shop.test' }, { host: 'WWW.Shop.Test' }, { host: 'upper.TEST' }] },
        { name: 'the port is part of the name', send: [{ host: 'www.shop.test:80' }, { host: 'port.test:8080' }, { host: 'port.test' }] },
        {
          name: 'the longest suffix wins',
          send: [{ host: 'b-x.shop.test' }, { host: 'b.shop.test' }, { host: '.shop.test' }, { host: '-x.shop.test' }],
        },
        {
          name: 'suffix before prefix',
          send: [{ host: 'shop.shop.test' }, { host: 'shop.else' }, { host: 'shop.a.b' }, { host: 'shop.' }],
        },
        { name: 'IPv6 literals', send: [{ host: '[::1]:80' }, { host: '[::1]' }] },
        { name: 'default', send: [{ host: 'other' }, { host: '' }] },
      ],
    },
    {
      name: 'no default domain',
      virtualHosts: `- {name: one, domains: [one.test], routes: [{match: {prefix: /}, ${says('one')}}]}`,
      cases: [{ name: 'other hosts have no route', send: [{ host: 'one.test' }, { host: 'two.test' }, { host: 'one.test:8080' }] }],
    },
    {
      name: 'port ignored in host matching',
      routeConfig: '{ignore_port_in_host_matching: true}',
      virtualHosts: `
        - {name: one, domains: [one.test], routes: [{match: {prefix: /}, route: {cluster: a}}]}
        - {name: v6, domains: ["[::1]"], routes: [{match: {prefix: /}, route: {cluster: b}}]}
      `,
      cases: [{ name: 'the upstream still sees the port', send: [{ host: 'one.test:8080' }, { host: '[::1]:99' }, { host: '[::1]' }] }],
    },
    {
      name: 'TLS required by the virtual host',
      virtualHosts: `
        - {name: all, domains: [all.test], require_tls: ALL, routes: [{match: {prefix: /}, route: {cluster: a}}]}
        - {name: external, domains: [external.test], require_tls: EXTERNAL_ONLY, routes: [{match: {prefix: /}, route: {cluster: a}}]}
      `,
      hcm: '{internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}}',
      cases: [
        { name: 'plain is redirected', send: { host: 'all.test', path: '/x?y=1' } },
        { name: 'plain with a port is redirected', send: { host: 'all.test:80', path: '/' } },
        { name: 'https passes', send: { host: 'all.test', headers: [['x-forwarded-proto', 'https']] } },
        { name: 'external only: external', send: { host: 'external.test' } },
        { name: 'external only: internal', send: { host: 'external.test', headers: [['x-forwarded-for', '10.1.2.3']] } },
      ],
    },
    {
      name: 'runtime fraction and gRPC',
      routes: `
        - {match: {prefix: /none, runtime_fraction: {default_value: {numerator: 0}}}, ${says('never')}}
        - {match: {prefix: /all, runtime_fraction: {default_value: {numerator: 100}}}, ${says('always')}}
        - {match: {prefix: /key, runtime_fraction: {default_value: {numerator: 0}, runtime_key: my.key}}, ${says('by runtime')}}
        - {match: {prefix: /, grpc: {}}, ${says('grpc')}}
        - {match: {prefix: /}, ${says('rest')}}
      `,
      bootstrap: '{layered_runtime: {layers: [{name: static, static_layer: {my: {key: 100}}}]}}',
      cases: [
        { name: 'fractions', send: ['GET /none', 'GET /all', 'GET /key'] },
        {
          name: 'gRPC content types',
          send: [
            { method: 'POST', headers: [['content-type', 'application/grpc']], body: '' },
            { method: 'POST', headers: [['content-type', 'application/grpc+proto']], body: '' },
            { method: 'POST', headers: [['content-type', 'application/grpc-web']], body: '' },
          ],
        },
      ],
    },
    {
      name: 'cluster by header, unknown cluster',
      routeConfig: '{validate_clusters: false}',
      routes: `
        - {match: {prefix: /by}, route: {cluster_header: x-cluster}}
        - {match: {prefix: /gone}, route: {cluster: gone}}
        - {match: {prefix: /404}, route: {cluster: gone, cluster_not_found_response_code: NOT_FOUND}}
        - {match: {prefix: /500}, route: {cluster: gone, cluster_not_found_response_code: INTERNAL_SERVER_ERROR}}
      `,
      cases: [
        { name: 'by header', send: [get('/by', ['x-cluster', 'a']), get('/by', ['x-cluster', 'b'])] },
        {
          name: 'no header, empty header, unknown name',
          send: [get('/by'), get('/by', ['x-cluster', '']), get('/by', ['x-cluster', 'c'])],
        },
        { name: 'unknown cluster', send: 'GET /gone' },
        { name: 'unknown cluster, other codes', send: ['GET /404', 'GET /500'] },
      ],
    },
    {
      name: 'weighted clusters',
      routes: `
        - match: {prefix: /one}
          route: {weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 0}]}}
        - match: {prefix: /header}
          route:
            weighted_clusters:
              header_name: x-random
              clusters:
              - {name: a, weight: 30, request_headers_to_add: [{header: {key: x-entry, value: a}}], response_headers_to_add: [{header: {key: x-from, value: a}}]}
              - {name: b, weight: 70, request_headers_to_remove: [x-drop], response_headers_to_remove: [x-secret], host_rewrite_literal: b.test}
        - match: {prefix: /named}
          route: {weighted_clusters: {clusters: [{cluster_header: x-cluster, weight: 5}]}}
      `,
      cases: [
        { name: 'weight 0 is never chosen', send: ['GET /one', 'GET /one', 'GET /one'] },
        {
          name: 'choice by header',
          send: [get('/header', ['x-random', '29']), get('/header', ['x-random', '30']), get('/header', ['x-random', '129'])],
        },
        {
          name: 'headers of the entry',
          send: [get('/header', ['x-random', '1'], ['x-drop', '1']), get('/header', ['x-random', '99'], ['x-drop', '1'])],
          upstream: { b: [[{ send: 'HTTP/1.1 200 OK\r\nx-secret: 1\r\ncontent-length: 0\r\n\r\n' }]] },
        },
        { name: 'entry by header', send: get('/named', ['x-cluster', 'b']) },
      ],
    },
  ],
};
