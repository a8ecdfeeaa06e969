import { type Area, get, says } from '../harness/scenario.ts';

const HEADER = 'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput';
const ROUTE = 'type.googleapis.com/envoy.config.route.v3.Route';
const LIST = 'type.googleapis.com/envoy.config.route.v3.RouteList';
const input = (name: string) => `{name: i, typed_config: {"@type": ${HEADER}, header_name: "${name}"}}`;
const route = (word: string, match = 'prefix: /') => `match: {${match}}, name: ${word}, ${says(word)}`;
const to = (word: string, match?: string) => `{action: {name: r, typed_config: {"@type": ${ROUTE}, ${route(word, match)}}}}`;
const toList = (...routes: string[]) =>
  `{action: {name: l, typed_config: {"@type": ${LIST}, routes: [${routes.map((r) => `{${r}}`).join(', ')}]}}}`;
const is = (name: string, value: string) => `{single_predicate: {input: ${input(name)}, value_match: ${value}}}`;
const CLUSTERS = 'type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier';
const cluster = (name: string) =>
  `{action: {name: c, typed_config: {"@type": type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction, cluster: ${name}}}}`;
const host = (matcher: string, more = '') => `
  - name: v
    domains: ["*"]
    ${more}
    matcher: ${matcher}
`;

/** VirtualHost.matcher: routes that are found by a tree. */
export const routeTrees: Area = {
  name: 'route-trees',
  configurations: [
    {
      name: 'an exact map',
      virtualHosts: host(
        `{matcher_tree: {input: ${input('x-a')}, exact_match_map: {map: {one: ${to('one')}, two: ${to('two', 'prefix: /2')}, "1,2": ${to('both')}}}}, on_no_match: ${to('other', 'prefix: /o')}}`,
      ),
      cases: [
        { name: 'found', send: get('/', ['x-a', 'one']) },
        { name: "found, and the route's own match holds", send: get('/2', ['x-a', 'two']) },
        { name: "found, but the route's own match does not hold", send: get('/o', ['x-a', 'two']) },
        { name: 'two lines', send: get('/', ['x-a', '1'], ['x-a', '2']) },
        { name: 'not found', send: get('/o', ['x-a', 'three']) },
        { name: 'absent', send: ['GET /o', 'GET /x'] },
        { name: 'case counts', send: get('/o', ['x-a', 'ONE']) },
      ],
    },
    {
      name: 'a prefix map over the path',
      virtualHosts: host(
        `{matcher_tree: {input: ${input(':path')}, prefix_match_map: {map: {/a: ${to('a')}, /a/b: ${to('ab')}, /a/n: {matcher: {matcher_tree: {input: ${input('x-a')}, exact_match_map: {map: {in: ${to('inner')}}}}}}}}}}`,
      ),
      cases: [
        { name: 'the longest wins', send: ['GET /a/b/c', 'GET /a/c', 'GET /ab'] },
        { name: 'nothing', send: 'GET /b' },
        { name: 'a subtree with an answer', send: get('/a/n', ['x-a', 'in']) },
        { name: 'a subtree without one', send: get('/a/n', ['x-a', 'out']) },
      ],
    },
    {
      name: 'a list of predicates',
      virtualHosts: host(`{matcher_list: {matchers: [
        {predicate: {and_matcher: {predicate: [${is('x-a', '{prefix: a}')}, ${is('x-b', '{suffix: b}')}]}}, on_match: ${to('and')}},
        {predicate: {or_matcher: {predicate: [${is('x-a', '{exact: A, ignore_case: true}')}, ${is('x-b', '{contains: mid}')}]}}, on_match: ${to('or')}},
        {predicate: {not_matcher: ${is('x-c', '{safe_regex: {google_re2: {}, regex: "[0-9]+"}}')}}, on_match: ${to('not', 'prefix: /not')}},
        {predicate: ${is(':method', '{exact: POST}')}, on_match: ${to('post')}}]}}`),
      cases: [
        { name: 'and', send: get('/', ['x-a', 'axe'], ['x-b', 'web']) },
        { name: 'half of and', send: get('/', ['x-a', 'a']) },
        { name: 'or', send: get('/', ['x-b', 'amidst']) },
        { name: 'not', send: 'GET /not' },
        { name: 'not, with a route that does not match', send: 'GET /else' },
        { name: 'the first that holds is final', send: { method: 'POST', path: '/else', body: '' } },
        { name: 'none but the last', send: { method: 'POST', path: '/', headers: [['x-c', '12']], body: '' } },
        { name: 'none', send: get('/', ['x-c', '12']) },
      ],
    },
    {
      name: 'lists of routes',
      virtualHosts: host(
        `{matcher_tree: {input: ${input('x-a')}, exact_match_map: {map: {one: ${toList(route('first', 'path: /f'), route('second', 'prefix: /s'), route('third', 'prefix: /sx'))}}}}}`,
        'require_tls: NONE',
      ),
      cases: [{ name: 'in their order', send: ['/f', '/s', '/sx', '/none'].map((path) => get(path, ['x-a', 'one'])) }],
    },
    {
      name: 'nested lists fall through',
      virtualHosts: host(`{matcher_list: {matchers: [
        {predicate: ${is('x-a', '{exact: a}')}, on_match: {matcher: {matcher_list: {matchers: [{predicate: ${is('x-b', '{exact: b}')}, on_match: ${to('inner')}}]}}}},
        {predicate: ${is('x-a', '{prefix: a}')}, on_match: ${to('outer')}}]}, on_no_match: ${to('last')}}`),
      cases: [
        { name: 'inner', send: get('/', ['x-a', 'a'], ['x-b', 'b']) },
        { name: 'outer', send: get('/', ['x-a', 'a']) },
        { name: 'last', send: get('/', ['x-b', 'b']) },
      ],
    },
    {
      name: 'clusters by a tree',
      routeConfig: `cluster_specifier_plugins: [{extension: {name: tree, typed_config: {"@type": ${CLUSTERS}, cluster_matcher: {matcher_tree: {input: ${input('x-a')}, exact_match_map: {map: {a: ${cluster('a')}, b: ${cluster('b')}, gone: ${cluster('gone')}}}}}}}}]`,
      routes: `
        - {match: {prefix: /named}, route: {cluster_specifier_plugin: tree}}
        - {match: {prefix: /inline}, route: {prefix_rewrite: /in, inline_cluster_specifier_plugin: {extension: {name: own, typed_config: {"@type": ${CLUSTERS}, cluster_matcher: {matcher_list: {matchers: [{predicate: ${is('x-b', '{prefix: b}')}, on_match: ${cluster('b')}}]}, on_no_match: ${cluster('a')}}}}}}}
      `,
      cases: [
        { name: 'a', send: get('/named', ['x-a', 'a']) },
        { name: 'b', send: get('/named', ['x-a', 'b']) },
        { name: 'no such cluster', send: get('/named', ['x-a', 'gone']) },
        { name: 'nothing matches', send: 'GET /named' },
        { name: 'inline', send: [get('/inline', ['x-b', 'bb']), 'GET /inline'] },
      ],
    },
    {
      name: 'routes that forward',
      virtualHosts: host(
        `{matcher_tree: {input: ${input('x-a')}, exact_match_map: {map: {a: {action: {name: r, typed_config: {"@type": ${ROUTE}, match: {prefix: /x}, stat_prefix: s, route: {cluster: a, prefix_rewrite: /y, retry_policy: {retry_on: 5xx}}, request_headers_to_add: [{header: {key: x-via, value: tree}}]}}}, b: {action: {name: r, typed_config: {"@type": ${ROUTE}, match: {prefix: /}, route: {cluster: b}}}}}}}}`,
        'request_headers_to_add: [{header: {key: x-host, value: v}}]',
      ),
      cases: [
        { name: 'to a', send: get('/x/1', ['x-a', 'a']) },
        { name: 'to b', send: get('/x/1', ['x-a', 'b']) },
      ],
    },
  ],
};
