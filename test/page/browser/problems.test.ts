/** What the page says needs attention. */
import { beforeEach, describe, expect, test } from 'vitest';
import { certificateTone, findProblems, hostSummaryText, ProblemList } from '../../../src/page/browser/problems.ts';
import { Store } from '../../../src/page/browser/store.ts';
import type { ClusterFigures, ServerPart } from '../../../src/page/snapshot.ts';
import { PageFixture } from '../../support/page-fixture.ts';

const DAY_MS = 86_400_000;
let fixture: PageFixture;
let store: Store;
beforeEach(() => {
  // The first cluster alone: the second has an ejected host.
  fixture = new PageFixture({ clusters: 1 });
  store = new Store();
  store.applySnapshot({ ...fixture.snapshot(), certificates: [] });
});

function withFigures(change: Partial<ClusterFigures>): string[] {
  const tick = fixture.tick();
  store.applyTick({ ...tick, clusters: [{ ...tick.clusters[0]!, ...change }] });
  return findProblems(store).map((p) => `${p.tone}: ${p.subject} ${p.text}`);
}

const use = { connections: 0, pending: 0, requests: 0, retries: 0, retriesLimit: 3 };

describe('clusters', () => {
  test('nothing is wrong with a healthy one', () => expect(withFigures({})).toEqual([]));

  test.each([
    [{ rps: 10, errors: 0.009 }, []],
    [{ rps: 10, errors: 0.02, p99: null }, ['warning: Cluster reviews fails 2 % of its requests (10/s)']],
    [{ rps: 10, errors: 0.5, p99: 120 }, ['error: Cluster reviews fails 50 % of its requests (10/s, p99 120 ms)']],
    [{ overflowsPerS: 46 }, ['error: Cluster reviews has circuit breakers open: 46/s refused']],
    [{ connectFailuresPerS: 2 }, ['warning: Cluster reviews cannot be connected to: 2/s attempts fail']],
    [
      { hosts: { total: 4, healthy: 1, degraded: 1, unhealthy: 2, ejected: 1 } },
      ['warning: Cluster reviews has 2 of 4 hosts unhealthy, 1 ejected, 1 degraded'],
    ],
    [{ hosts: { total: 2, healthy: 0, degraded: 0, unhealthy: 2, ejected: 0 } }, ['error: Cluster reviews has 2 of 2 hosts unhealthy']],
    [
      { rps: 1, hosts: { total: 0, healthy: 0, degraded: 0, unhealthy: 0, ejected: 0 } },
      ['error: Cluster reviews gets requests but has no hosts'],
    ],
    [{ rps: 0, hosts: { total: 0, healthy: 0, degraded: 0, unhealthy: 0, ejected: 0 } }, []],
    [{ breakers: [{ ...use, requests: 819 }, use] }, []],
    [{ breakers: [{ ...use, requests: 820 }, use] }, ['warning: Cluster reviews is near its limit: 820 of 1,024 requests']],
    [
      { breakers: [use, { ...use, pending: 1024 }] },
      ['warning: Cluster reviews is at its limit: 1,024 of 1,024 pending requests of high priority'],
    ],
    [{ breakers: [{ ...use, retries: 9, retriesLimit: null }, use] }, []],
  ] as [Partial<ClusterFigures>, string[]][])('%j', (figures, problems) => expect(withFigures(figures)).toEqual(problems));

  test('hosts of an idle one count too', () => {
    fixture = new PageFixture({ clusters: 2, busy: 0 });
    store.applySnapshot({ ...fixture.snapshot(), certificates: [] });
    expect(findProblems(store).map((p) => p.text)).toEqual(['has 1 of 2 hosts unhealthy, 1 ejected']);
  });
});

test('errors come first, then what carries most', () => {
  fixture = new PageFixture({ clusters: 12, failing: ['cart', 'details'] });
  store.applySnapshot(fixture.snapshot());
  const found = findProblems(store);
  expect(found.slice(0, 2).map((p) => p.subject)).toEqual(['Cluster details', 'Cluster cart']);
  expect(found.slice(2).every((p) => p.tone === 'warning')).toBe(true);
});

test('the process itself: starting, draining, failing checks', () => {
  const server = (change: Partial<ServerPart>) => {
    const tick = fixture.tick();
    store.applyTick({ ...tick, server: { ...tick.server, ...change } });
    return findProblems(store).map((p) => p.text);
  };
  expect(server({ state: 'INITIALIZING', waitingFor: ['CDS', 'LDS'] })).toEqual(['is starting, waiting for CDS, LDS']);
  expect(server({ draining: true })).toEqual(['is draining its listeners']);
  expect(server({ healthCheckFailed: true })).toEqual(['answers health checks with failure, because it was told to']);
});

test('certificates warn for 30 days', () => {
  const now = fixture.wallMs;
  const tone = (days: number, sinceDays = 1) =>
    certificateTone(
      {
        kind: 'chain',
        path: 'p',
        serialNumber: '1',
        subjectAltNames: [],
        notBeforeWallMs: now - sinceDays * DAY_MS,
        notAfterWallMs: now + days * DAY_MS,
      },
      now,
    );
  expect([tone(31), tone(29), tone(0), tone(-1), tone(100, -1)]).toEqual([null, 'warning', 'error', 'error', 'error']);
});

test('each thing is one line, and stays for five seconds when it is over', () => {
  const list = new ProblemList();
  fixture.failing.add('reviews');
  store.applyTick(fixture.tick());
  expect(list.update(store).map((p) => p.text)).toEqual([
    expect.stringMatching(/^fails 42 % of its requests .*; is near its limit: 900 of 1,024 pending requests$/),
  ]);
  fixture.failing.clear();
  for (let second = 1; second <= 7; second++) {
    store.applyTick(fixture.tick());
    expect(list.update(store)).toHaveLength(second <= 5 ? 1 : 0);
  }
});

test('hosts in words', () => {
  expect(hostSummaryText({ total: 0, healthy: 0, degraded: 0, unhealthy: 0, ejected: 0 })).toBe('no hosts');
  expect(hostSummaryText({ total: 3, healthy: 3, degraded: 0, unhealthy: 0, ejected: 0 })).toBe('3 hosts');
});
