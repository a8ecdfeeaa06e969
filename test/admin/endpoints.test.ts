import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeServer } from './fake-server.ts';

const TEXT = 'text/plain; charset=UTF-8';
let server: FakeServer;
beforeAll(async () => {
  server = await new FakeServer().start();
});
afterAll(() => server.stop());

const json = async (target: string) => {
  const answer = await server.ask(target);
  expect([answer.status, answer.type]).toEqual([200, 'application/json']);
  return JSON.parse(answer.body);
};

describe('state', () => {
  test('health checks can be failed and passed', async () => {
    expect((await server.ask('POST /healthcheck/fail')).body).toBe('OK\n');
    expect(await server.ask('/ready')).toEqual({ status: 503, type: TEXT, body: 'DRAINING\n' });
    expect((await json('/init_dump')).unready_targets_dumps).toEqual([{ name: 'init manager Server', target_names: ['target LDS'] }]);
    expect((await server.ask('POST /healthcheck/ok')).body).toBe('OK\n');
    expect(await server.ask('/ready')).toEqual({ status: 200, type: TEXT, body: 'LIVE\n' });
    expect((await server.ask('/init_dump')).body).toBe('{}\n');
  });

  test('server_info', async () => {
    expect(await json('/server_info')).toEqual({
      version: 'abc/1.40.0/Clean/RELEASE/Node',
      state: 'LIVE',
      uptime_current_epoch: '6s',
      uptime_all_epochs: '6s',
      hot_restart_version: 'disabled',
      command_line_options: { concurrency: 1 },
      node: { id: 'n1' },
    });
    expect((await server.ask('/hot_restart_version')).body).toBe('disabled');
  });

  test('memory is numbers in text', async () => {
    expect((await server.ask('/memory')).body).toBe(
      '{\n "allocated": "1",\n "heap_size": "2",\n "pageheap_unmapped": "3",\n "pageheap_free": "4",\n "total_thread_cache": "5",\n "total_physical_bytes": "6"\n}\n',
    );
  });

  test('certs, contention', async () => {
    expect((await server.ask('/certs')).body).toBe('{\n "certificates": []\n}\n');
    expect((await server.ask('/contention')).body).toMatch(/^Mutex contention tracing is not enabled\./);
  });

  test('actions reach the server once each', async () => {
    server.calls.length = 0;
    await server.ask('POST /reopen_logs');
    await server.ask('POST /drain_listeners');
    await server.ask('POST /drain_listeners?graceful&inboundonly');
    await server.ask('POST /drain_listeners?skip_exit');
    expect((await server.ask('POST /quitquitquit')).body).toBe('OK\n');
    expect(server.calls).toEqual([
      'reopen',
      'drain {"graceful":false,"skipExit":false,"inboundOnly":false}',
      'drain {"graceful":true,"skipExit":false,"inboundOnly":true}',
      'drain {"graceful":false,"skipExit":true,"inboundOnly":false}',
      'quit',
    ]);
  });
});

describe('runtime', () => {
  test('entries sorted, layers in order', async () => {
    expect((await server.ask('/runtime')).body).toBe(
      '{\n "entries": {\n  "a": {\n   "final_value": "1",\n   "layer_values": [\n    "",\n    "1"\n   ]\n  },\n' +
        '  "b.c": {\n   "final_value": "5",\n   "layer_values": [\n    "5",\n    ""\n   ]\n  }\n },\n "layers": [\n  "static",\n  "admin"\n ]\n}\n',
    );
  });

  test('values come from the path or from a form', async () => {
    expect((await server.ask('POST /runtime_modify?a=1&b.c=')).body).toBe('OK\n');
    expect((await server.ask('POST /runtime_modify', 'd=x+y%21')).body).toBe('OK\n');
    expect([...server.runtimeValues!]).toEqual([
      ['a', '1'],
      ['b.c', ''],
      ['d', 'x y!'],
    ]);
  });

  test('refusals', async () => {
    expect((await server.ask('POST /runtime_modify')).status).toBe(400);
    const values = server.runtimeValues;
    server.runtimeValues = null;
    expect(await server.ask('POST /runtime_modify?a=1')).toEqual({ status: 503, type: TEXT, body: 'No admin layer specified' });
    server.runtimeValues = values;
  });
});

describe('logging', () => {
  const levels = () => Object.fromEntries([...server.loggers].map(([name, l]) => [name, l.level]));

  test.each([
    ['', { admin: 'warning', http: 'warning' }],
    ['?level=info', { admin: 'info', http: 'info' }],
    ['?admin=trace', { admin: 'trace', http: 'info' }],
    ['?paths=admin:debug,http:error', { admin: 'debug', http: 'error' }],
    ['?paths=', { admin: 'debug', http: 'error' }],
  ])('POST /logging%s', async (query, expected) => {
    const answer = await server.ask(`POST /logging${query}`);
    expect(answer.body).toBe(`active loggers:\n  admin: ${expected.admin}\n  http: ${expected.http}\n\n`);
    expect(levels()).toEqual(expected);
  });

  test.each([
    ['?level=bogus', 'unknown logger level'],
    ['?nope=info', 'unknown logger name'],
    ['?paths=admin:info,nope:info', 'unknown logger name'],
    ['?paths=admin', 'unknown logger level'],
    ['?group=admin:trace', 'group parameter requires fine-grain logging to be enabled'],
    ['?a=1&b=2', 'invalid number of parameters'],
  ])('POST /logging%s is refused and changes nothing', async (query, error) => {
    const before = levels();
    const answer = await server.ask(`POST /logging${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body.startsWith(`error: ${error}\n\nusage: /logging?<name>=<level> (change single level)\n`)).toBe(true);
    expect(levels()).toEqual(before);
  });
});

describe('clusters', () => {
  test('text', async () => {
    const lines = (await server.ask('/clusters')).body.split('\n');
    expect(lines.slice(0, 15)).toEqual([
      'dead::observability_name::dd',
      'dead::default_priority::max_connections::1024',
      'dead::default_priority::max_pending_requests::1024',
      'dead::default_priority::max_requests::1024',
      'dead::default_priority::max_retries::3',
      'dead::high_priority::max_connections::1024',
      'dead::high_priority::max_pending_requests::1024',
      'dead::high_priority::max_requests::1024',
      'dead::high_priority::max_retries::3',
      'dead::added_via_api::true',
      'dead::eds_service_name::dead-eds',
      'dead::[::1]:1::cx_active::0',
      'dead::[::1]:1::cx_connect_fail::0',
      'dead::[::1]:1::cx_total::0',
      'dead::[::1]:1::rq_active::0',
    ]);
    expect(lines).toContain('dead::[::1]:1::health_flags::/failed_active_hc/failed_eds_health');
    expect(lines.slice(-20)).toEqual([
      'web:1::127.0.0.1:8080::cx_active::2',
      'web:1::127.0.0.1:8080::cx_connect_fail::0',
      'web:1::127.0.0.1:8080::cx_total::3',
      'web:1::127.0.0.1:8080::rq_active::0',
      'web:1::127.0.0.1:8080::rq_error::1',
      'web:1::127.0.0.1:8080::rq_pending_active::0',
      'web:1::127.0.0.1:8080::rq_success::5',
      'web:1::127.0.0.1:8080::rq_timeout::0',
      'web:1::127.0.0.1:8080::rq_total::7',
      'web:1::127.0.0.1:8080::hostname::hh',
      'web:1::127.0.0.1:8080::health_flags::healthy',
      'web:1::127.0.0.1:8080::weight::1',
      'web:1::127.0.0.1:8080::region::r1',
      'web:1::127.0.0.1:8080::zone::z1',
      'web:1::127.0.0.1:8080::sub_zone::',
      'web:1::127.0.0.1:8080::canary::false',
      'web:1::127.0.0.1:8080::priority::0',
      'web:1::127.0.0.1:8080::success_rate::-1',
      'web:1::127.0.0.1:8080::local_origin_success_rate::-1',
      '',
    ]);
  });

  test('JSON leaves out what is at its default, in the layout of the rest', async () => {
    const answer = await server.ask('/clusters?format=json');
    const parsed = JSON.parse(answer.body);
    expect(answer.body).toBe(`${JSON.stringify(parsed, null, 1)}\n`);
    const [dead, web] = parsed.cluster_statuses;
    expect(dead.host_statuses[0].health_status).toEqual({ failed_active_health_check: true, eds_health_status: 'UNHEALTHY' });
    expect([dead.added_via_api, dead.eds_service_name, dead.host_statuses[0].success_rate]).toEqual([true, 'dead-eds', { value: 99.5 }]);
    expect(web.host_statuses[0]).toEqual({
      address: { socket_address: { address: '127.0.0.1', port_value: 8080 } },
      stats: [
        { name: 'cx_connect_fail' },
        { value: '3', name: 'cx_total' },
        { value: '1', name: 'rq_error' },
        { value: '5', name: 'rq_success' },
        { name: 'rq_timeout' },
        { value: '7', name: 'rq_total' },
        { type: 'GAUGE', value: '2', name: 'cx_active' },
        { type: 'GAUGE', name: 'rq_active' },
        { type: 'GAUGE', name: 'rq_pending_active' },
      ],
      health_status: { eds_health_status: 'HEALTHY' },
      weight: 1,
      hostname: 'hh',
      locality: { region: 'r1', zone: 'z1' },
    });
    expect('added_via_api' in web).toBe(false);
  });

  test('filter', async () => {
    expect((await server.ask('/clusters?filter=^web')).body).not.toContain('dead::');
    expect(await server.ask('/clusters?filter=(')).toEqual({ status: 400, type: TEXT, body: 'Invalid re2 regex' });
    expect((await server.ask('/clusters?format=json&filter=none')).body).toBe('{}\n');
  });
});

test('listeners', async () => {
  expect((await server.ask('/listeners')).body).toBe('front::127.0.0.1:80\nup::127.0.0.1:81\nup::[::1]:82\n');
  expect((await json('/listeners?format=json')).listener_statuses[1]).toEqual({
    name: 'up',
    local_address: { socket_address: { address: '127.0.0.1', port_value: 81 } },
    additional_local_addresses: [{ socket_address: { address: '::1', port_value: 82 } }],
  });
});

describe('config_dump', () => {
  const type = (name: string) => `type.googleapis.com/envoy.admin.v3.${name}`;

  test('whole, with endpoints on request', async () => {
    expect((await json('/config_dump')).configs.map((c: Record<string, string>) => c['@type'])).toEqual([
      type('BootstrapConfigDump'),
      type('ClustersConfigDump'),
    ]);
    expect((await json('/config_dump?include_eds')).configs).toHaveLength(3);
  });

  test('mask', async () => {
    expect(await json('/config_dump?mask=bootstrap.node.id,bootstrap.admin')).toEqual({
      configs: [{ '@type': type('BootstrapConfigDump'), bootstrap: { node: { id: 'n1' }, admin: { profile_path: '/p' } } }],
    });
    expect(await json('/config_dump?mask=dynamic_active_clusters')).toEqual({ configs: [{ '@type': type('ClustersConfigDump') }] });
  });

  test('resource', async () => {
    const { configs } = await json('/config_dump?resource=static_clusters');
    expect(configs.map((c: { cluster: { name: string } }) => c.cluster.name)).toEqual(['web', 'dead']);
    expect(configs[0]['@type']).toBe(type('ClustersConfigDump.StaticCluster'));
    expect(await json('/config_dump?resource=dynamic_active_clusters')).toEqual({});
  });

  test('resource with mask, and by name', async () => {
    expect(await json('/config_dump?resource=static_clusters&mask=cluster.name&name_regex=^d')).toEqual({
      configs: [
        {
          '@type': type('ClustersConfigDump.StaticCluster'),
          cluster: { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', name: 'dead' },
        },
      ],
    });
  });

  test('name_regex keeps the bootstrap', async () => {
    const { configs } = await json('/config_dump?name_regex=nothing');
    expect(configs[0].bootstrap.node.id).toBe('n1');
    expect(configs[1]).toEqual({ '@type': type('ClustersConfigDump') });
  });

  test.each([
    ['resource=nope', 404, 'nope not found in config dump'],
    ['resource=bootstrap', 400, 'bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field'],
    ['mask=node', 400, 'FieldMask node could not be successfully applied to any configs.'],
    ['mask=static_clusters.cluster.name', 400, 'FieldMask static_clusters.cluster.name could not be successfully applied to any configs.'],
    ['resource=static_clusters&mask=name', 400, 'FieldMask paths: "name" could not be successfully used.'],
    ['name_regex=(', 400, 'INVALID_ARGUMENT: Error while parsing name_regex from (: missing ): ('],
  ])('%s', async (query, status, body) => {
    expect(await server.ask(`/config_dump?${query}`)).toEqual({ status, type: 'text/plain', body });
  });
});

describe('stats', () => {
  test('formats, filter and reset', async () => {
    const { root } = server.stats.local;
    root.counter('shop.sold').add(3);
    root.gauge('shop.open').set(2);
    expect((await server.ask('/stats?filter=^shop')).body).toBe('shop.open: 2\nshop.sold: 3\n');
    // "+" in a path's query is not a space.
    expect((await server.ask('/stats?filter=^sh+op.sold')).body).toBe('shop.sold: 3\n');
    expect(await json('/stats?filter=^shop&format=json')).toEqual({
      stats: [
        { name: 'shop.open', value: 2 },
        { name: 'shop.sold', value: 3 },
      ],
    });
    const prometheus = await server.ask('/stats/prometheus?filter=^shop');
    expect(prometheus).toEqual({
      status: 200,
      type: TEXT,
      body: '# TYPE envoy_shop_sold counter\nenvoy_shop_sold{} 3\n# TYPE envoy_shop_open gauge\nenvoy_shop_open{} 2\n',
    });
    expect((await server.ask('/stats?filter=^shop&format=prometheus')).body).toBe(prometheus.body);
    await server.ask('POST /reset_counters');
    expect((await server.ask('/stats?filter=^shop')).body).toBe('shop.open: 2\nshop.sold: 0\n');
    expect(await server.ask('/stats?filter=(')).toEqual({ status: 400, type: TEXT, body: 'Invalid re2 regex: missing ): (' });
  });

  test('the process itself is measured beside', async () => {
    const { body } = await server.ask('/stats/prometheus?filter=^(process|nodejs|outrider)_');
    expect(body).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(body).toMatch(/^outrider_thread_event_loop_active_seconds_total\{thread="control"\} 2$/m);
    expect(body).not.toContain('envoy_');
  });

  test('Prometheus may have protobuf, with the process in it', async () => {
    const answer = await server.ask('/stats/prometheus?prom_protobuf&filter=^(shop|process_cpu_seconds_total|nodejs_gc|outrider)');
    expect([answer.status, answer.type]).toEqual([
      200,
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
    ]);
    for (const name of ['envoy_shop_sold', 'process_cpu_seconds_total', 'nodejs_gc_duration_seconds', 'outrider_thread_cpu_seconds_total'])
      expect(answer.body).toContain(name);
  });

  test('as a page, without any script', async () => {
    const sold = server.stats.local.root.counter('page.<sold>');
    sold.inc();
    const page = await server.ask('/stats?format=html&filter=^page');
    expect([page.status, page.type]).toEqual([200, 'text/html; charset=UTF-8']);
    expect(page.body).toContain('<pre>\npage.&lt;sold&gt;: 1\n</pre>');
    expect(page.body).toContain('<input id="filter" name="filter" value="^page">');
    expect(page.body).not.toContain('<script');
  });

  test('the active page shows what changes while it is open, most often first', async () => {
    const often = server.stats.local.root.counter('active.often');
    const once = server.stats.local.root.counter('active.once');
    server.stats.local.root.counter('active.never').inc();
    const ask = async () => {
      const { body } = await server.ask('/stats?format=active-html&filter=^active&update-interval=2&max-display-count=1');
      expect(body).toContain('<meta http-equiv="refresh" content="2">');
      return [...body.matchAll(/<tr><td class="n">(\d+)<\/td><td>([^<]+)<\/td><td class="n">(\d+)</g)].map((m) => m.slice(1).join(' '));
    };
    often.inc();
    once.inc();
    expect(await ask()).toEqual([]);
    often.inc();
    once.inc();
    await ask();
    often.inc();
    expect(await ask()).toEqual(['2 active.often 3']);
  });

  test('statistics that are asked for end an interval, if the process wants it so', async () => {
    server.flushes = 0;
    await server.ask('/stats?filter=^nothing');
    expect(server.flushes).toBe(1);
  });

  test('recent look-ups', async () => {
    expect((await server.ask('/stats/recentlookups')).body).toMatch(/^Lookup tracking is not enabled\./);
    await server.ask('POST /stats/recentlookups/enable');
    expect((await server.ask('/stats/recentlookups')).body).toBe('   Count Lookup\n\ntotal: 0\n');
    await server.ask('POST /stats/recentlookups/clear');
    await server.ask('POST /stats/recentlookups/disable');
    expect((await server.ask('/stats/recentlookups')).body).toMatch(/^Lookup tracking is not enabled\./);
  });
});

describe('profiles', () => {
  test('CPU and heap profiles are written when stopped', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'profile-')), 'outrider.prof');
    const own = await new FakeServer({ profilePath: path }).start();
    for (const endpoint of ['cpuprofiler', 'heapprofiler', 'allocprofiler']) {
      expect((await own.ask(`POST /${endpoint}?enable=y`)).body).toBe('OK\n');
      expect((await own.ask(`POST /${endpoint}?enable=n`)).body).toBe('OK\n');
    }
    expect(JSON.parse(await readFile(path, 'utf8')).nodes.length).toBeGreaterThan(0);
    expect(JSON.parse(await readFile(`${path}.heapprofile`, 'utf8')).head).toBeDefined();
    await own.stop();
  });

  test('refusals', async () => {
    expect(await server.ask('POST /cpuprofiler')).toEqual({ status: 400, type: TEXT, body: '?enable=<y|n>\n' });
    expect((await server.ask('POST /cpuprofiler?enable=y')).status).toBe(200);
    expect((await server.ask('POST /cpuprofiler?enable=y')).status).toBe(500);
    const stopped = await server.ask('POST /cpuprofiler?enable=n');
    expect([stopped.status, stopped.body]).toEqual([500, expect.stringContaining('ENOENT')]);
  });

  test('a heap snapshot streams', async () => {
    const { status, body } = await server.ask('/heap_dump');
    expect(status).toBe(200);
    expect(body.startsWith('{"snapshot":')).toBe(true);
  }, 240_000);
});
