import { expect, test } from 'vitest';
import { explainMatch } from '../../src/route/explain.ts';
import { request, routeTable, streamInfo } from '../support/route-rig.ts';

const table = routeTable(`
name: r
virtual_hosts:
- name: shop
  domains: ["*.shop.test", "shop.test"]
  routes:
  - {name: admin, match: {prefix: /admin, headers: [{name: x-role, string_match: {exact: root}}]}, route: {cluster: admin}}
  - {name: items, match: {path_separated_prefix: /items, query_parameters: [{name: v, string_match: {prefix: "2"}}]}, route: {cluster: items2}}
  - {match: {safe_regex: {regex: "/items/[0-9]+"}}, route: {cluster: items}}
  - {match: {prefix: /items}, route: {cluster: rest}}
- {name: secure, domains: [tls.test], require_tls: ALL, routes: [{match: {prefix: /}, route: {cluster: c}}]}
`);

function explain(line: string, ...headers: string[]) {
  const made = request(line, ...headers);
  return explainMatch(table, made, streamInfo(made), 0);
}

test('each earlier route says what was missing', () => {
  const { virtualHost, domain, considered, route } = explain('GET http://a.shop.test/items/7?v=1');
  expect([virtualHost, domain, route?.action?.clusterName(request('GET http://h/'), streamInfo())]).toEqual([
    'shop',
    '*.shop.test',
    'items',
  ]);
  expect(considered).toEqual([
    {
      index: 0,
      name: 'admin',
      criteria: 'prefix "/admin", header x-role exact "root"',
      missed: ['prefix "/admin"', 'header x-role exact "root"'],
    },
    {
      index: 1,
      name: 'items',
      criteria: 'path_separated_prefix "/items", query parameter v prefix "2"',
      missed: ['query parameter v prefix "2"'],
    },
    { index: 2, name: '', criteria: 'safe_regex "/items/[0-9]+"', missed: [] },
  ]);
});

test('no virtual host, no route, and TLS required', () => {
  expect(explain('GET http://other.test/')).toMatchObject({ virtualHost: '', considered: [], route: null });
  expect(explain('GET http://shop.test/none').considered.map((c) => c.missed.length > 0)).toEqual([true, true, true, true]);
  expect(explain('GET http://tls.test/')).toMatchObject({ virtualHost: 'secure', redirectedToTls: true, considered: [] });
});

test('it agrees with what really happens', () => {
  const paths = ['/', '/admin', '/items', '/items/1', '/items/x', '/itemsx?v=2', '/items?v=22'];
  for (const path of paths) {
    for (const role of ['root', 'user']) {
      const made = request(`GET http://shop.test${path}`, `x-role: ${role}`);
      const explained = explainMatch(table, made, streamInfo(made), 0);
      const last = explained.considered.at(-1);
      const cluster = table.match(made, streamInfo(made), 0)?.action?.clusterName(made, streamInfo(made));
      expect(last?.missed.length === 0 ? ['admin', 'items2', 'items', 'rest'][last.index] : undefined).toBe(cluster);
    }
  }
});
