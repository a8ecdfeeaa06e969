import { describe, expect, test } from 'vitest';
import { explainMatch } from '../../src/route/explain.ts';
import { compileRoutes, matchRoute, request, routeTable, streamInfo } from '../support/route-rig.ts';

const input = (type: string, fields: string) => `{name: i, typed_config: {"@type": type.googleapis.com/${type}, ${fields}}}`;
const header = (name: string) => input('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', `header_name: "${name}"`);
const state = (key: string) => input('envoy.extensions.matching.common_inputs.network.v3.FilterStateInput', `key: ${key}`);
const action = (type: string, fields: string) => `{action: {name: a, typed_config: {"@type": type.googleapis.com/${type}, ${fields}}}}`;
const to = (cluster: string, path = '/') =>
  action('envoy.config.route.v3.Route', `name: ${cluster}, match: {prefix: ${path}}, route: {cluster: ${cluster}}`);
const host = (matcher: string) => `name: r\nvirtual_hosts: [{name: v, domains: ["*"], matcher: ${matcher}}]`;
const map = (by: string, entries: string, kind = 'exact_match_map') => `{matcher_tree: {input: ${by}, ${kind}: {map: {${entries}}}}}`;

describe('VirtualHost.matcher', () => {
  test('the tree says which routes are looked at, and no others are', () => {
    const table = routeTable(host(map(header('x-a'), `one: ${to('one')}, two: ${to('two', '/two')}`)));
    const name = (line: string, ...headers: string[]) => matchRoute(table, request(line, ...headers))?.name ?? null;
    expect(name('GET http://h/', 'x-a: one')).toBe('one');
    expect(name('GET http://h/two', 'x-a: two')).toBe('two');
    expect(name('GET http://h/', 'x-a: two')).toBeNull();
    expect(name('GET http://h/')).toBeNull();
  });

  test('filter state is an input, too', () => {
    const table = routeTable(host(map(state('tenant'), `blue: ${to('blue')}`)));
    const info = streamInfo();
    expect(table.match(request('GET http://h/'), info, 0)).toBeNull();
    info.filterState = new Map([['tenant', 'blue']]);
    expect(table.match(request('GET http://h/'), info, 0)?.name).toBe('blue');
  });

  test('keep_matching goes on searching', () => {
    const kept = to('kept').replace('{action:', '{keep_matching: true, action:');
    const table = routeTable(host(map(header(':path'), `/a: ${to('short')}, /ab: ${kept}`, 'prefix_match_map')));
    expect(matchRoute(table, request('GET http://h/abc'))?.name).toBe('short');
  });

  test('an explanation names the routes that the tree led to', () => {
    const list = action(
      'envoy.config.route.v3.RouteList',
      'routes: [{name: x, match: {path: /x}, route: {cluster: x}}, {name: z, match: {prefix: /}, route: {cluster: z}}]',
    );
    const table = routeTable(host(map(header('x-a'), `one: ${to('one')}, two: ${list}`)));
    const explained = explainMatch(table, request('GET http://h/', 'x-a: two'), streamInfo(), 0);
    expect(explained.considered.map((route) => [route.name, route.missed.length])).toEqual([
      ['x', 1],
      ['z', 0],
    ]);
  });

  test.each([
    [
      'other inputs',
      map(input('envoy.extensions.matching.common_inputs.network.v3.SourceIPInput', ''), `a: ${to('a')}`),
      'matcher.matcher_tree.input.typed_config: Route table can only match on request headers, saw type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.SourceIPInput',
    ],
    [
      'other actions',
      map(header('a'), `a: ${action('google.protobuf.Empty', '')}`),
      "matcher.matcher_tree.exact_match_map.map[\"a\"].action.typed_config: Didn't find a registered implementation for type: 'google.protobuf.Empty'",
    ],
  ])('%s are refused', (_, matcher, problem) => {
    const { problems } = compileRoutes(host(matcher));
    expect(problems.filter((p) => p.startsWith('E')).map((p) => p.replace('E virtual_hosts[0].', ''))).toEqual([problem]);
  });
});
