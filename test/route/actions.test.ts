import { describe, expect, test } from 'vitest';
import { RequestHeaders } from '../../src/http/header-map.ts';
import { ipAddress } from '../../src/net/address.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { xxHash64, xxHash64Sequence } from '../../src/runtime/xxhash64.ts';
import { destination, matchRoute, request, routesOnly, routeTable, streamInfo } from '../support/route-rig.ts';

describe('clusters', () => {
  test.each([
    ['cluster_header: x-c', ['x-c: web'], 'web'],
    ['cluster_header: x-c', ['x-c: web', 'x-c: api'], 'web'],
    ['cluster_header: x-c', [], ''],
    ['cluster_header: ":authority"', [], 'h'],
  ])('%s with %j: "%s"', (action, lines, cluster) => {
    const table = routeTable(routesOnly(`- {match: {prefix: /}, route: {${action}}}`));
    expect(destination(table, request('GET http://h/', ...lines))).toBe(cluster);
  });

  const weighted = (more = '', weights = [90, 0, 10]) =>
    routesOnly(
      `- {match: {prefix: /}, route: {hash_policy: [{header: {header_name: user}}], weighted_clusters: {${more}clusters: [${weights.map((w, i) => `{name: c${i}, weight: ${w}}`).join(', ')}]}}}`,
    );
  test.each([
    ['', {}, 0, [], 'c0'],
    ['', {}, 89, [], 'c0'],
    ['', {}, 90, [], 'c2'],
    ['', {}, 99, [], 'c2'],
    ['', {}, 100, [], 'c0'],
    ['header_name: x-r, ', {}, 0, ['x-r: 95'], 'c2'],
    ['header_name: x-r, ', {}, 0, ['x-r: 18446744073709551615'], 'c0'],
    ['header_name: x-r, ', {}, 0, ['x-r: 18446744073709551690'], 'c0'],
    ['header_name: x-r, ', {}, 0, ['x-r: 9x'], 'c0'],
    ['header_name: x-r, ', {}, 0, ['x-r: 95', 'x-r: 95'], 'c0'],
    ['header_name: x-r, ', {}, 95, [], 'c2'],
    ['runtime_key_prefix: w, ', { 'w.c0': '0', 'w.c1': '100', 'w.c2': '0' }, 0, [], 'c1'],
    ['runtime_key_prefix: w, ', { 'w.c0': '0' }, 0, [], 'c2'],
  ])('weights 90, 0, 10; {%s} runtime %j random %d %j: %s', (more, runtime, random, lines, cluster) => {
    expect(destination(routeTable(weighted(more), runtime), request('GET http://h/', ...lines), random)).toBe(cluster);
  });

  test('with use_hash_policy the same user goes to the same cluster', () => {
    const table = routeTable(weighted('use_hash_policy: true, ', [50, 50]));
    const of = (user: string, random: number) => destination(table, request('GET http://h/', `user: ${user}`), random);
    const users = Array.from({ length: 40 }, (_, i) => `u${i}`);
    expect(users.map((user) => of(user, 0))).toEqual(users.map((user) => of(user, 77)));
    expect(new Set(users.map((user) => of(user, 0)))).toEqual(new Set(['c0', 'c1']));
  });

  test('an entry has its own host, metadata and headers', () => {
    const table = routeTable(
      routesOnly(`- match: {prefix: /}
  route:
    metadata_match: {filter_metadata: {envoy.lb: {a: 1, b: 1}}}
    weighted_clusters:
      clusters:
      - {name: c, weight: 1, host_rewrite_literal: entry.test, metadata_match: {filter_metadata: {envoy.lb: {b: 2}}}}`),
    );
    const headers = request('GET http://h/');
    const route = matchRoute(table, headers);
    route?.finalizeRequestHeaders(headers, streamInfo(headers), false);
    expect([headers.authority, route?.action?.metadataMatch]).toEqual(['entry.test', { a: 1, b: 2 }]);
  });
});

describe('hash policies', () => {
  const u64 = (n: bigint) => BigInt.asUintN(64, n);
  const rotated = (n: bigint) => u64((n << 1n) | (n >> 63n));
  const cases: [string, string, string[], bigint | null][] = [
    ['{header: {header_name: x}}', '/', ['x: abc'], xxHash64('abc')],
    ['{header: {header_name: x}}', '/', ['x: b', 'x: a'], xxHash64Sequence(['a', 'b'])],
    ['{header: {header_name: x}}', '/', [], null],
    ['{header: {header_name: ":path"}}', '/p', [], xxHash64('/p')],
    ['{header: {header_name: x, regex_rewrite: {pattern: {regex: "^(.).*$"}, substitution: "\\\\1"}}}', '/', ['x: abc'], xxHash64('a')],
    ['{query_parameter: {name: k}}', '/?k=v', [], xxHash64('v')],
    ['{query_parameter: {name: k}}', '/?K=v', [], null],
    ['{connection_properties: {source_ip: true}}', '/', [], xxHash64('10.0.0.2')],
    ['{cookie: {name: c}}', '/', ['cookie: a=1; c="v"'], xxHash64('v')],
    ['{cookie: {name: c}}', '/', [], null],
    ['{header: {header_name: x}}, {header: {header_name: z}}', '/', ['x: 1', 'z: 2'], rotated(xxHash64('1')) ^ xxHash64('2')],
    ['{header: {header_name: x}, terminal: true}, {header: {header_name: z}}', '/', ['x: 1', 'z: 2'], xxHash64('1')],
    ['{header: {header_name: x}, terminal: true}, {header: {header_name: z}}', '/', ['z: 2'], xxHash64('2')],
  ];
  test.each(cases)('%s with %s %j', (policies, path, lines, expected) => {
    const table = routeTable(routesOnly(`- {match: {prefix: /}, route: {cluster: c, hash_policy: [${policies}]}}`));
    const headers = request(`GET http://h${path}`, ...lines);
    const result = matchRoute(table, headers)?.action?.hash(headers, streamInfo(headers));
    expect(result?.hash ?? null).toBe(expected);
  });

  test.each([
    ['ttl: 60s, path: /p', '; Max-Age=60; Path=/p; HttpOnly'],
    ['ttl: 0s', '; HttpOnly'],
    ['ttl: 5s, attributes: [{name: SameSite, value: Lax}, {name: Secure}]', '; Max-Age=5; SameSite=Lax; Secure; HttpOnly'],
  ])('cookie {%s} is made when it is missing', (fields, suffix) => {
    const table = routeTable(routesOnly(`- {match: {prefix: /}, route: {cluster: c, hash_policy: [{cookie: {name: c, ${fields}}}]}}`));
    const headers = request('GET http://h/');
    const result = matchRoute(table, headers)?.action?.hash(headers, streamInfo(headers));
    const value = xxHash64('10.0.0.2:4000010.0.0.1:8080').toString(16);
    expect(result).toEqual({ hash: xxHash64(value), setCookies: [`c="${value}"${suffix}`] });
    const again = request('GET http://h/', 'cookie: c=mine');
    expect(matchRoute(table, again)?.action?.hash(again, streamInfo(again))).toEqual({ hash: xxHash64('mine'), setCookies: [] });
  });

  test('the value of a cookie that is made has sixteen digits', () => {
    const table = routeTable(routesOnly('- {match: {prefix: /}, route: {cluster: c, hash_policy: [{cookie: {name: c, ttl: 0s}}]}}'));
    const headers = request('GET http://h/');
    const info = streamInfo(headers);
    info.remoteAddress = ipAddress('10.0.0.2', 40006);
    expect(matchRoute(table, headers)?.action?.hash(headers, info)?.setCookies).toEqual(['c="075b091f789d8d0a"; HttpOnly']);
  });

  // Values of the reference implementation, seed 0.
  test.each([
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
  ])('xxHash64 of "%s"', (text, hash) => {
    expect(xxHash64(text)).toBe(hash);
  });
});

describe('settings of an action', () => {
  const action = (fields: string, host = '') => {
    const yaml = `name: r\nvirtual_hosts: [{name: v, domains: ["*"], ${host}routes: [{match: {prefix: /}, route: {cluster: c, ${fields}}}]}]`;
    return matchRoute(routeTable(yaml), request('GET http://h/'))?.action;
  };
  test('defaults are those of Envoy', () => {
    expect(action('')).toMatchObject({
      clusterNotFoundStatus: 503,
      timeoutMs: 15_000,
      idleTimeoutMs: null,
      maxStreamDurationMs: null,
      grpcTimeoutHeaderMaxMs: null,
      retryPolicy: null,
      priority: 0,
      autoHostRewrite: false,
      upgrades: null,
      connectTerminates: false,
      internalRedirect: null,
      requestBufferLimit: null,
      mirrors: [],
      metadataMatch: null,
    });
  });
  test.each([
    ['timeout: 0s', { timeoutMs: 0 }],
    ['timeout: 1.5s', { timeoutMs: 1500 }],
    ['idle_timeout: 0s', { idleTimeoutMs: 0 }],
    ['cluster_not_found_response_code: NOT_FOUND', { clusterNotFoundStatus: 404 }],
    ['cluster_not_found_response_code: INTERNAL_SERVER_ERROR', { clusterNotFoundStatus: 500 }],
    ['priority: HIGH', { priority: 1 }],
    ['auto_host_rewrite: true', { autoHostRewrite: true }],
    [
      'upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: h2c, enabled: false}]',
      {
        upgrades: new Map([
          ['WEBSOCKET', true],
          ['H2C', false],
        ]),
      },
    ],
    ['upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]', { connectTerminates: true }],
    [
      'internal_redirect_policy: {}',
      { internalRedirect: { maxInternalRedirects: 1, responseCodes: [302], allowCrossSchemeRedirect: false, responseHeadersToCopy: [] } },
    ],
    [
      'internal_redirect_policy: {max_internal_redirects: 3, redirect_response_codes: [303, 200]}',
      { internalRedirect: { maxInternalRedirects: 3, responseCodes: [303] } },
    ],
    [
      'max_stream_duration: {max_stream_duration: 1s, grpc_timeout_header_max: 0s, grpc_timeout_header_offset: 0.1s}',
      { maxStreamDurationMs: 1000, grpcTimeoutHeaderMaxMs: 0, grpcTimeoutHeaderOffsetMs: 100 },
    ],
    [
      'retry_policy: {retry_on: "5xx", num_retries: 0}',
      { retryPolicy: { retryOn: 1, numRetries: 0, baseIntervalMs: 25, maxIntervalMs: 250 } },
    ],
    ['retry_policy: {retry_back_off: {base_interval: 0.1s}}', { retryPolicy: { numRetries: 1, baseIntervalMs: 100, maxIntervalMs: 1000 } }],
  ])('%s', (fields, expected) => {
    expect(action(fields)).toMatchObject(expected);
  });

  test('a route without a retry policy has the virtual host’s; one with a policy has its own alone', () => {
    const host = 'retry_policy: {retry_on: reset, num_retries: 7}, ';
    expect(action('', host)?.retryPolicy).toMatchObject({ numRetries: 7 });
    expect(action('retry_policy: {retry_on: "5xx"}', host)?.retryPolicy).toMatchObject({ numRetries: 1, retryOn: 1 });
  });

  test('previous_hosts', () => {
    const type = 'type.googleapis.com/envoy.extensions.retry.host';
    const predicate = (name: string) =>
      `retry_policy: {retry_host_predicate: [{name: p, typed_config: {"@type": ${type}.${name}}}], host_selection_retry_max_attempts: 5}`;
    expect(action(predicate('previous_hosts.v3.PreviousHostsPredicate'))?.retryPolicy).toMatchObject({
      hosts: { previousHosts: true, canaries: false, metadata: null, priorityUpdateFrequency: 0 },
      hostSelectionRetryMaxAttempts: 5,
    });
    expect(action(predicate('omit_canary_hosts.v3.OmitCanaryHostsPredicate'))?.retryPolicy).toMatchObject({
      hosts: { previousHosts: false, canaries: true },
    });
  });

  test('body limits: the route, else the virtual host', () => {
    expect(action('', 'per_request_buffer_limit_bytes: 5, ')?.requestBufferLimit).toBe(5);
    expect(action('', 'request_body_buffer_limit: 6, ')?.requestBufferLimit).toBe(6);
  });

  test('mirrors: the most specific list that is not empty', () => {
    const host = 'request_mirror_policies: [{cluster: host}], ';
    expect(action('', host)?.mirrors.map((m) => m.cluster)).toEqual(['host']);
    const own = action('request_mirror_policies: [{cluster: own, runtime_fraction: {default_value: {numerator: 10}}}]', host)?.mirrors;
    const copies = (random: number) => own?.map((m) => m.clusterFor(new RequestHeaders(), new StaticRuntime(), random));
    expect([copies(9), copies(10)]).toEqual([['own'], ['']]);
  });
});

describe('per-filter configuration', () => {
  const any = (n: number) =>
    `{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, suppress_envoy_headers: ${n > 0}}`;
  const wrapped = (fields: string) => `{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, ${fields}}`;
  const table = routeTable(`
name: r
typed_per_filter_config: {fault: ${any(0)}, cors: ${wrapped('disabled: true')}}
virtual_hosts:
- name: v
  domains: ["*"]
  typed_per_filter_config: {fault: ${wrapped(`config: ${any(1)}`)}}
  routes:
  - {match: {path: /own}, route: {cluster: c}, typed_per_filter_config: {fault: ${wrapped('disabled: true')}, cors: ${any(1)}}}
  - {match: {prefix: /}, route: {cluster: c}}
`);
  test('a route without its own has the virtual host’s', () => {
    const route = matchRoute(table, request('GET http://h/'));
    expect(route?.filterSettings('fault')).toBeDefined();
    expect(route?.allFilterSettings('fault')).toHaveLength(2);
    expect([route?.filterDisabled('fault'), route?.filterDisabled('cors'), route?.filterDisabled('none')]).toEqual([
      false,
      true,
      undefined,
    ]);
    expect(route?.filterSettings('none')).toBeUndefined();
  });
  test('the most specific level decides', () => {
    const route = matchRoute(table, request('GET http://h/own'));
    expect([route?.filterDisabled('fault'), route?.filterDisabled('cors')]).toEqual([true, false]);
  });
});
