import { describe, expect, test } from 'vitest';
import { destination, request, routeTable } from '../support/route-rig.ts';

function hosts(domains: Readonly<Record<string, readonly string[]>>, more = ''): string {
  const list = Object.entries(domains).map(
    ([cluster, names]) =>
      `- {name: ${cluster}, domains: ${JSON.stringify(names)}, routes: [{match: {prefix: /}, route: {cluster: ${cluster}}}]}`,
  );
  return `name: r\nvirtual_hosts:\n${list.join('\n')}\n${more}`;
}

describe('virtual host by authority', () => {
  const all = hosts({
    exact: ['a.com', 'b.com:8080', 'middle.*.com'],
    suffix: ['*.a.com'],
    dash: ['*-x.a.com'],
    prefix: ['foo.*'],
    longerPrefix: ['foo.bar.*'],
    rest: ['*'],
  });
  test.each([
    // authority                  virtual host
    ['a.com', 'exact'],
    ['A.COM', 'exact'],
    ['a.com:80', 'rest'],
    ['b.com:8080', 'exact'],
    ['b.com', 'rest'],
    ['x.a.com', 'suffix'],
    ['.a.com', 'rest'],
    ['b-x.a.com', 'dash'],
    ['-x.a.com', 'suffix'],
    ['foo.', 'rest'],
    ['foo.de', 'prefix'],
    ['foo.bar.de', 'longerPrefix'],
    ['foo.a.com', 'suffix'],
    ['middle.x.com', 'rest'],
    ['middle.*.com', 'exact'],
    ['', 'rest'],
  ])('%s goes to %s', (authority, host) => {
    expect(destination(routeTable(all), request(`GET http://${authority}/`))).toBe(host);
  });

  test.each([
    ['a.com:8080', 'exact'],
    ['[::1]:80', 'six'],
    ['[::1]', 'six'],
    ['b.com:8080', 'none'],
  ])('without ports, %s goes to %s', (authority, host) => {
    const table = routeTable(hosts({ exact: ['a.com', 'b.com:8080'], six: ['[::1]'] }, 'ignore_port_in_host_matching: true\n'));
    expect(destination(table, request(`GET http://${authority}/`))).toBe(host);
  });

  test('no virtual host, no route', () => {
    const table = routeTable(hosts({ exact: ['a.com'] }));
    expect(destination(table, request('GET http://b.com/'))).toBe('none');
    expect(destination(table, request('GET http:///'))).toBe('none');
  });

  test('ten thousand virtual hosts are told apart', () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`c${i}`, [`h${i}.test`, `*.h${i}.test`]]));
    const table = routeTable(hosts(many));
    expect(destination(table, request('GET http://h9999.test/'))).toBe('c9999');
    expect(destination(table, request('GET http://a.h123.test/'))).toBe('c123');
  });
});

describe('require_tls', () => {
  const table = (kind: string) =>
    routeTable(
      `name: r\nvirtual_hosts: [{name: v, domains: ["*"], require_tls: ${kind}, routes: [{match: {prefix: /}, route: {cluster: web}}]}]`,
    );
  test.each([
    ['ALL', 'http', [], '301'],
    ['ALL', 'https', [], 'web'],
    ['ALL', 'http', ['x-envoy-internal: true'], '301'],
    ['EXTERNAL_ONLY', 'http', [], '301'],
    ['EXTERNAL_ONLY', 'http', ['x-envoy-internal: true'], 'web'],
  ])('%s over %s with %j: %s', (kind, scheme, headers, where) => {
    expect(destination(table(kind), request(`GET ${scheme}://a.com/x`, ...headers))).toBe(where);
  });

  test('the redirect keeps host, port and path', () => {
    const headers = request('GET http://a.com:80/x?y=1');
    const route = table('ALL').match(headers, null as never, 0);
    expect(route?.direct?.location(headers)).toBe('https://a.com:80/x?y=1');
  });

  test('without x-forwarded-proto nothing matches', () => {
    const headers = request('GET http://a.com/');
    headers.remove('x-forwarded-proto');
    expect(destination(table('ALL'), headers)).toBe('none');
  });
});

describe('virtual clusters', () => {
  const yaml = (clusters: string) =>
    `name: r\nvirtual_hosts: [{name: v, domains: ["*"], virtual_clusters: ${clusters}, routes: [{match: {prefix: /}, route: {cluster: web}}]}]`;
  const two =
    '[{name: posts, headers: [{name: ":method", string_match: {exact: POST}}]}, {name: items, headers: [{name: ":path", string_match: {prefix: /item}}]}]';
  test.each([
    [two, 'POST http://a/item', 'posts'],
    [two, 'GET http://a/item/1', 'items'],
    [two, 'GET http://a/', 'other'],
    ['[]', 'GET http://a/', ''],
  ])('%s: %s is "%s"', (clusters, line, name) => {
    const headers = request(line);
    const route = routeTable(yaml(clusters)).match(headers, null as never, 0);
    expect(route?.virtualHost.virtualCluster(headers)).toBe(name);
  });
});
