import { expect, test } from 'vitest';
import { compileRoutes, destination, request, routeTable } from '../support/route-rig.ts';

const SPECIFIERS = 'type.googleapis.com/envoy.extensions.router.cluster_specifiers';
const HEADER = 'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput';
const cluster = (name: string) => `{action: {name: c, typed_config: {"@type": ${SPECIFIERS}.matcher.v3.ClusterAction, cluster: ${name}}}}`;
const plugin = (entries: string) =>
  `{extension: {name: tree, typed_config: {"@type": ${SPECIFIERS}.matcher.v3.MatcherClusterSpecifier, cluster_matcher: {matcher_tree: {input: {name: i, typed_config: {"@type": ${HEADER}, header_name: x-a}}, exact_match_map: {map: {${entries}}}}}}}}`;
const lua = `{extension: {name: lua, typed_config: {"@type": ${SPECIFIERS}.lua.v3.LuaConfig, source_code: {inline_string: x}}}`;
const table = (route: string, plugins = '') => `
name: r
cluster_specifier_plugins: [${plugins}]
virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: ${route}}]}]
`;

test('a tree names the cluster, or none', () => {
  for (const text of [
    table('{cluster_specifier_plugin: tree}', plugin(`one: ${cluster('c1')}, two: ${cluster('c2')}`)),
    table(`{inline_cluster_specifier_plugin: ${plugin(`one: ${cluster('c1')}, two: ${cluster('c2')}`)}}`),
  ]) {
    const to = (value: string) => destination(routeTable(text), request('GET http://h/', `x-a: ${value}`));
    expect([to('one'), to('two'), to('three')]).toEqual(['c1', 'c2', '']);
  }
});

test.each([
  [
    'a name that no plugin has',
    table('{cluster_specifier_plugin: other}'),
    /Unknown cluster specifier plugin name: other is used in the route/,
  ],
  [
    'a script',
    table('{cluster_specifier_plugin: lua}', `${lua}}`),
    /cluster specifier plugin .*LuaConfig is not supported by Outrider yet/,
  ],
])('%s is refused', (_, text, problem) => {
  expect(compileRoutes(text).problems.join('\n')).toMatch(problem);
});

test('an optional plugin that is not known leads nowhere', () => {
  const text = table('{cluster_specifier_plugin: lua}', `${lua}, is_optional: true}`);
  expect(destination(routeTable(text), request('GET http://h/'))).toBe('');
});
