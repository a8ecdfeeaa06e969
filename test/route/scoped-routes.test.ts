import { describe, expect, test } from 'vitest';
import type { ScopedRoutes } from '../../src/config/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { loadMessage } from '../../src/config/load-message.ts';
import { buildRouteTable } from '../../src/route/route-table.ts';
import { compileScopedRoutes } from '../../src/route/scoped/config.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { formatEnvironment, request, streamInfo } from '../support/route-rig.ts';

const TYPE = 'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes';

function load(builder: string, keys: readonly (readonly string[])[]) {
  const scopes = keys.map((key) => {
    const routes = `{name: ${key.join('-')}, virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${key.join('-')}}}]}]}`;
    return `{name: ${key.join('-')}, key: {fragments: [${key.map((k) => `{string_key: ${k}}`).join(', ')}]}, route_configuration: ${routes}}`;
  });
  const yaml = `{name: s, scope_key_builder: {fragments: [${builder}]}, scoped_route_configurations_list: {scoped_route_configurations: [${scopes.join(', ')}]}}`;
  const loaded = loadMessage<ScopedRoutes>(TYPE, { yamlOverlay: yaml, allowUnsupported: true });
  const settings = compileScopedRoutes(loaded.partial!, loaded.context, {
    perFilterConfig: () => null,
    httpFilterNames: null,
    clusterExists: () => true,
    clusterNames: [],
  });
  const problems = loaded.context.list.problems.filter((p) => p.severity === 'error').map((p) => p.message);
  return {
    problems,
    table: buildRouteTable(structuredClone(settings), { runtime: new StaticRuntime(), format: formatEnvironment() }),
  };
}

const extractor = (fields: string) => `{header_value_extractor: {${fields}}}`;

describe('the scope of a request', () => {
  test.each([
    ['name: x, index: 0', ['x: a'], 'a'],
    ['name: x, index: 0', ['x: c'], 'none'],
    ['name: x, index: 0', [], 'none'],
    ['name: X, element_separator: ",", index: 1', ['x: q,b'], 'b'],
    ['name: x, element_separator: ",", index: 2', ['x: q,b'], 'none'],
    ['name: x, element_separator: ";", element: {separator: "=", key: k}', ['x: j=a;k=b;k=a'], 'b'],
    ['name: x, element_separator: ";", element: {separator: "=", key: k}', ['x: j=a'], 'none'],
    ['name: ":authority", index: 0', [], 'none'],
  ])('{%s} with %j: %s', (fields, lines, cluster) => {
    const headers = request('GET http://h/', ...lines);
    const { table, problems } = load(extractor(fields), [['a'], ['b']]);
    expect(problems).toEqual([]);
    expect(table.match(headers, streamInfo(headers), 0)?.action?.clusterName(headers, streamInfo()) ?? 'none').toBe(cluster);
  });

  test('a key of two fragments needs both', () => {
    const { table } = load(`${extractor('name: x, index: 0')}, ${extractor('name: z, index: 0')}`, [['a', 'b']]);
    const cluster = (...lines: string[]) => {
      const headers = request('GET http://h/', ...lines);
      return table.match(headers, streamInfo(headers), 0)?.action?.clusterName(headers, streamInfo()) ?? 'none';
    };
    expect([cluster('x: a', 'z: b'), cluster('x: a'), cluster('x: b', 'z: a')]).toEqual(['a-b', 'none', 'none']);
  });
});

test('what is refused', () => {
  expect(load(extractor('name: x, index: 1'), []).problems).toContain('Index > 0 for empty string element separator.');
  expect(load(extractor('name: x, index: 0'), [['a'], ['a']]).problems).toEqual([
    "scope 'a' is defined twice",
    'another scope has the same key',
  ]);
});
