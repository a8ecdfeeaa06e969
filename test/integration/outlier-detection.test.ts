/** Outlier detection in the whole process: exact however many workers share the work, and what users see of it. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { ADMIN, httpListener, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';

/** Answers every request with the status it is told to. */
class Upstream {
  status = 200;
  requests = 0;
  readonly #server: http.Server;

  private constructor() {
    this.#server = http.createServer((request, response) => {
      if (request.url === '/health') {
        response.end();
        return;
      }
      this.requests++;
      response.writeHead(this.status).end();
    });
  }

  static async start(status = 200): Promise<Upstream> {
    const upstream = new Upstream();
    upstream.status = status;
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

let proxy: ProxyProcess | null = null;
let upstreams: Upstream[] = [];
let port = 0;

async function start(statuses: readonly number[], outlier: string, concurrency = 1, cluster = ''): Promise<void> {
  upstreams = await Promise.all(statuses.map((status) => Upstream.start(status)));
  const settings = staticCluster('up', ...upstreams.map((upstream) => upstream.port)).replace(
    /\}$/,
    `, outlier_detection: ${outlier}, common_lb_config: {update_merge_window: 0s}${cluster}}`,
  );
  proxy = await ProxyProcess.start(
    `${ADMIN}static_resources:\n  listeners: [${httpListener('front', routeTo('up'))}]\n  clusters: [${settings}]\n`,
    { args: ['--concurrency', String(concurrency)] },
  );
  port = await proxy.port('front');
}

afterEach(async () => {
  await proxy?.stop();
  for (const upstream of upstreams) upstream.stop();
  upstreams = [];
});

/** `connections` at a time, each on a connection of its own, so that the kernel spreads them over workers. @returns statuses */
async function requests(count: number, connections: number): Promise<number[]> {
  const statuses: number[] = [];
  let left = count;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (left-- > 0) statuses.push((await call(port)).status);
    }),
  );
  return statuses;
}

const detection = (name: string) => proxy!.stat('cluster.up.outlier_detection.' + name);
const ejected = (count: number) => until(`${count} ejected`, async () => (await detection('ejections_active')) === count);

describe.each([1, 4])('%i workers', (workers) => {
  test('count every row of failures exactly once, together', async () => {
    await start([500], '{consecutive_5xx: 7, enforcing_consecutive_5xx: 0, max_ejection_percent: 100}', workers);
    const statuses = await requests(700, 40);
    expect(statuses.every((status) => status === 500)).toBe(true);
    await until('all are reported', async () => (await detection('ejections_detected_consecutive_5xx')) >= 100);
    await expect.poll(() => detection('ejections_detected_consecutive_5xx')).toBe(100);
    await expect.poll(() => detection('ejections_active')).toBe(0);
    if (workers > 1) {
      const shares = [...(await proxy!.stats('^listener\\.127.*worker_\\d+\\.downstream_cx_total$')).values()];
      expect(shares.filter((share) => share > 0)).toHaveLength(workers);
    }
  });

  test('all send nothing to an ejected host, and all take it up again', async () => {
    await start([500, 200], '{interval: 0.2s, base_ejection_time: 60s, max_ejection_percent: 50}', workers);
    await requests(80, 20);
    await ejected(1);
    // Whoever was told last has heard of it when it has answered a question that came after.
    await proxy!.admin('/clusters');
    const before = upstreams[0]!.requests;
    const statuses = await requests(200, 40);
    expect(statuses.every((status) => status === 200)).toBe(true);
    expect(upstreams[0]!.requests).toBe(before);
    expect((await proxy!.admin('/clusters')).body).toContain(`127.0.0.1:${upstreams[0]!.port}::health_flags::/failed_outlier_check`);
    await expect.poll(() => proxy!.stat('cluster.up.membership_healthy')).toBe(1);
  });
});

test('an ejected host comes back after its time', async () => {
  await start([500, 200], '{interval: 0.1s, base_ejection_time: 0.3s, max_ejection_percent: 50}');
  await requests(10, 1);
  // It may be back before anybody has looked at it.
  await until('it was ejected', async () => (await detection('ejections_enforced_total')) === 1);
  upstreams[0]!.status = 200;
  await ejected(0);
  await proxy!.admin('/clusters');
  const before = upstreams[0]!.requests;
  await requests(10, 1);
  expect(upstreams[0]!.requests).toBe(before + 5);
});

test.each([
  ['comes back with its next active check', '', 0],
  ['stays out where checks are not to bring it back', ', successful_active_health_check_uneject_host: false', 1],
])('an ejected host that passes its checks %s', async (_name, setting, active) => {
  const check = 'timeout: 1s, interval: 0.1s, no_traffic_interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1';
  const checks = `, health_checks: [{${check}, http_health_check: {path: /health}}]`;
  await start([500, 200], `{base_ejection_time: 60s, max_ejection_percent: 50${setting}}`, 1, checks);
  await requests(10, 1);
  await until('it was ejected', async () => (await detection('ejections_enforced_total')) === 1);
  const success = await proxy!.stat('cluster.up.health_check.success');
  await until('more checks', async () => (await proxy!.stat('cluster.up.health_check.success')) >= success + 4);
  await expect.poll(() => detection('ejections_active')).toBe(active);
});

describe('one bad host of three', () => {
  test('with the defaults is not ejected, and the start says why', async () => {
    await start([503, 200, 200], '{}');
    await expect
      .poll(() => proxy!.stderr)
      .toContain(
        'outlier_detection.max_ejection_percent: 10 % of 3 hosts is less than one: no host will ever be ejected. ' +
          'Set it to 34 or more, or always_eject_one_host to true',
      );
    const statuses = await requests(60, 1);
    expect(statuses.filter((status) => status === 503)).toHaveLength(20);
    await until('both sorts of failures have been refused', async () => (await detection('ejections_overflow')) === 8);
    await expect.poll(() => detection('ejections_active')).toBe(0);
  });

  test('with max_ejection_percent 50 is ejected after five failures, for 30 s', async () => {
    await start([503, 200, 200], '{max_ejection_percent: 50, interval: 0.1s}');
    expect(proxy!.stderr).not.toContain('max_ejection_percent');
    const statuses: number[] = [];
    await until('it is ejected', async () => {
      statuses.push(...(await requests(3, 1)));
      return (await detection('ejections_active')) === 1;
    });
    expect(statuses.filter((status) => status === 503).length).toBeGreaterThanOrEqual(5);
    await expect.poll(() => detection('ejections_enforced_consecutive_5xx')).toBe(1);
    await proxy!.admin('/clusters');
    expect(await requests(30, 3)).toEqual(Array.from({ length: 30 }, () => 200));
    // How long it is out: test/simulation/outlier-detection.test.ts.
    await expect.poll(() => detection('ejections_active')).toBe(1);
  });
});
