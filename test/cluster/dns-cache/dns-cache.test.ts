import { beforeEach, describe, expect, test } from 'vitest';
import type { DnsResolver, ResolvedAddress } from '../../../src/cluster/discovery/resolver.ts';
import { type CachedName, cacheKey, DnsCache, type DnsWaiter } from '../../../src/cluster/dns-cache/dns-cache.ts';
import type { DnsCacheSettings } from '../../../src/cluster/dns-cache/settings.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { settle } from '../../support/cluster-rig.ts';
import { PlainStats } from '../../support/plain-stats.ts';

const SETTINGS: DnsCacheSettings = {
  name: 'c',
  lookupFamily: 'V4_ONLY',
  refreshMs: 60_000,
  minRefreshMs: 5000,
  hostTtlMs: 300_000,
  maxHosts: 3,
  failureRefreshMs: 1000,
  failureRefreshMaxMs: 1000,
  maxPendingRequests: 2,
  queryTimeoutMs: 5000,
  forgetFailed: false,
  preresolve: [],
  resolvers: [],
  resolverOptions: null,
};

class Rig {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  /** undefined = never answers; null = the question fails. */
  answers: Record<string, readonly ResolvedAddress[] | null> = {};
  readonly asked: string[] = [];
  readonly heard: string[] = [];
  readonly errors: unknown[] = [];
  readonly cache: DnsCache;

  constructor(settings: Partial<DnsCacheSettings> = {}) {
    const resolver: DnsResolver = {
      resolve: (name) => {
        this.asked.push(name);
        const answer = this.answers[name];
        if (answer === undefined) return new Promise(() => undefined);
        return answer === null ? Promise.reject(Object.assign(new Error('x'), { code: 'ESERVFAIL' })) : Promise.resolve(answer);
      },
    };
    this.cache = new DnsCache(
      { ...SETTINGS, ...settings },
      {
        clock: this.clock,
        random: seededRandom(1),
        rootScope: this.stats,
        resolver,
        onException: (error) => void this.errors.push(error),
      },
    );
    this.cache.listen({
      onAddress: (host) => void this.heard.push(`+${host.key}=${host.address!.text}`),
      onRemoved: (host) => void this.heard.push(`-${host.key}`),
    });
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    for (let i = 0; i < 5; i++) await settle();
  }

  stat(name: string): number {
    return this.stats.value(`dns_cache.c.${name}`);
  }
}

class Waiter implements DnsWaiter {
  readonly answers: (string | null)[] = [];
  onDnsAnswer(host: CachedName): void {
    this.answers.push(host.address?.text ?? null);
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

test.each([
  ['a.test', 80, 'a.test:80'],
  ['a.test:8080', 80, 'a.test:8080'],
  ['a.test:99999', 80, 'a.test:99999:80'],
  ['10.0.0.1', 443, '10.0.0.1:443'],
  ['[::1]', 80, '[::1]:80'],
  ['[::1]:81', 80, '[::1]:81'],
  ['::1', 80, '[::1]:80'],
])('%s with port %d is %s', (host, port, key) => {
  expect(cacheKey(host, port)).toBe(key);
});

test('those who wait for a name are told once, together, of one question', async () => {
  rig.answers['a.test'] = [{ ip: '10.0.0.1', ttlS: 30 }];
  const entry = rig.cache.load('a.test', 80)!;
  expect(rig.cache.load('a.test:80', 443)).toBe(entry);
  expect(entry.answered).toBe(false);
  const [one, two, gone] = [new Waiter(), new Waiter(), new Waiter()];
  for (const waiter of [one, two, gone]) entry.waiting.add(waiter);
  entry.waiting.delete(gone);
  await rig.advance(0);
  expect(rig.asked).toEqual(['a.test']);
  expect([one.answers, two.answers, gone.answers]).toEqual([['10.0.0.1:80'], ['10.0.0.1:80'], []]);
  expect(rig.heard).toEqual(['+a.test:80=10.0.0.1:80']);
  await rig.advance(30_000);
  expect(rig.asked).toHaveLength(2);
  expect(one.answers).toHaveLength(1);
});

test('a waiter that throws keeps nobody else from hearing', async () => {
  rig.answers['a.test'] = [{ ip: '10.0.0.1', ttlS: 30 }];
  const entry = rig.cache.load('a.test', 80)!;
  const waiter = new Waiter();
  entry.waiting.add({
    onDnsAnswer: () => {
      throw new Error('bug');
    },
  });
  entry.waiting.add(waiter);
  await rig.advance(0);
  expect(waiter.answers).toEqual(['10.0.0.1:80']);
  expect(rig.errors).toHaveLength(1);
});

describe('refreshing', () => {
  test('a short TTL counts as dns_min_refresh_rate, no TTL as dns_refresh_rate', async () => {
    rig.answers = { 'short.test': [{ ip: '10.0.0.1', ttlS: 1 }], 'none.test': [{ ip: '10.0.0.2', ttlS: Number.POSITIVE_INFINITY }] };
    rig.cache.load('short.test', 80);
    rig.cache.load('none.test', 80);
    await rig.advance(0);
    await rig.advance(4900);
    expect(rig.asked).toHaveLength(2);
    await rig.advance(100);
    expect(rig.asked).toEqual(['short.test', 'none.test', 'short.test']);
    rig.asked.length = 0;
    await rig.advance(54_900);
    expect(rig.asked).not.toContain('none.test');
    await rig.advance(200);
    expect(rig.asked).toContain('none.test');
  });

  test('a new address is told; one that cannot be asked for stays', async () => {
    rig.answers['a.test'] = [{ ip: '10.0.0.1', ttlS: 10 }];
    const entry = rig.cache.load('a.test', 80)!;
    await rig.advance(0);
    rig.answers['a.test'] = [{ ip: '10.0.0.2', ttlS: 10 }];
    await rig.advance(10_000);
    expect(rig.heard).toEqual(['+a.test:80=10.0.0.1:80', '+a.test:80=10.0.0.2:80']);
    rig.answers['a.test'] = null;
    await rig.advance(10_000);
    expect(entry.address!.ip).toBe('10.0.0.2');
    expect([rig.stat('dns_query_failure'), rig.stat('host_address_changed')]).toEqual([1, 2]);
    // The failure rate from then on.
    rig.asked.length = 0;
    await rig.advance(1000);
    expect(rig.asked).toEqual(['a.test']);
  });

  test('nobody asked for it in host_ttl: it goes', async () => {
    rig.answers['a.test'] = [{ ip: '10.0.0.1', ttlS: 200 }];
    rig.cache.load('a.test', 80);
    await rig.advance(0);
    await rig.advance(200_000);
    expect(rig.cache.find('a.test', 80)).not.toBeNull();
    await rig.advance(200_000);
    await rig.advance(200_000);
    expect(rig.heard.at(-1)).toBe('-a.test:80');
    expect(rig.cache.find('a.test', 80)).toBeNull();
    expect([rig.stat('num_hosts'), rig.stat('host_removed')]).toEqual([0, 1]);
  });
});

describe('without an answer', () => {
  test('dns_query_timeout ends the wait; what comes later is dropped', async () => {
    const entry = rig.cache.load('slow.test', 80)!;
    const waiter = new Waiter();
    entry.waiting.add(waiter);
    await rig.advance(4900);
    expect(waiter.answers).toEqual([]);
    await rig.advance(100);
    expect(waiter.answers).toEqual([null]);
    expect(entry.failure).toBe('resolve_timeout');
    expect([rig.stat('dns_query_timeout'), rig.stat('dns_query_failure'), rig.stat('dns_query_success')]).toEqual([1, 1, 0]);
  });

  test.each([
    ['a server that fails', null, 'cares_failure:DNS_server_returned_general_failure'],
    ['a name that is not there', [], 'cares_norecords:Domain_name_not_found'],
  ])('%s', async (_, answer, failure) => {
    rig.answers['a.test'] = answer;
    const entry = rig.cache.load('a.test', 80)!;
    await rig.advance(0);
    expect([entry.answered, entry.address, entry.failure]).toEqual([true, null, failure]);
    expect(rig.heard).toEqual([]);
  });

  test('disable_dns_refresh_on_failure forgets it', async () => {
    rig = new Rig({ forgetFailed: true });
    rig.answers['a.test'] = [];
    rig.cache.load('a.test', 80);
    await rig.advance(0);
    expect(rig.stat('num_hosts')).toBe(0);
    await rig.advance(10_000);
    expect(rig.asked).toHaveLength(1);
  });
});

test('max_hosts and max_pending_requests', () => {
  for (const name of ['a', 'b', 'c']) expect(rig.cache.load(name, 80)).not.toBeNull();
  expect(rig.cache.load('d', 80)).toBeNull();
  expect([rig.stat('num_hosts'), rig.stat('host_overflow')]).toEqual([3, 1]);
  expect([rig.cache.admit(), rig.cache.admit(), rig.cache.admit()]).toEqual([true, true, false]);
  expect([rig.stat('circuit_breakers.rq_pending_open'), rig.stat('dns_rq_pending_overflow')]).toEqual([1, 1]);
  rig.cache.release();
  expect([rig.stat('circuit_breakers.rq_pending_open'), rig.stat('circuit_breakers.rq_pending_remaining')]).toEqual([0, 1]);
});
