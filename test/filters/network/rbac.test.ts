import { expect, test } from 'vitest';
import type { NetworkFilterCallbacks, NetworkFilterDeps } from '../../../src/filters/api.ts';
import { Status } from '../../../src/filters/api.ts';
import type { ConnectionRbacSettings } from '../../../src/filters/network/rbac/config.ts';
import { createConnectionRbac } from '../../../src/filters/network/rbac/filter.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { newStreamInfo } from '../../support/hcm-rig.ts';
import { PlainStats } from '../../support/plain-stats.ts';

function setUp(more: Partial<ConnectionRbacSettings>) {
  const clock = new SimulatedClock();
  const stats = new PlainStats();
  const closed: string[] = [];
  const callbacks = {
    streamInfo: newStreamInfo(),
    close: (_type: string, details: string) => void closed.push(details),
  } as unknown as NetworkFilterCallbacks;
  const settings: ConnectionRbacSettings = {
    statPrefix: 'tcp.',
    rules: { action: 'DENY', policies: [{ name: 'all of them', permissions: [{ kind: 'any' }], principals: [{ kind: 'any' }] }] },
    shadowRules: null,
    rulesStatPrefix: '',
    shadowRulesStatPrefix: '',
    continuous: false,
    delayDenyMs: 0,
    ...more,
  };
  const filter = createConnectionRbac(settings, { clock, rootScope: stats } as unknown as NetworkFilterDeps).newFilter(callbacks);
  return {
    clock,
    stats,
    closed,
    data: () => filter.onData(Buffer.from('x'), false),
    connect: () => filter.onConnection(),
    gone: () => filter.onClose(true),
  };
}

test('nothing is decided before the first bytes; then the connection is closed, at once or later', () => {
  const now = setUp({});
  expect([now.connect(), now.closed]).toEqual([Status.Continue, []]);
  expect([now.data(), now.closed]).toEqual([Status.Stop, ['rbac_access_denied_matched_policy[all_of_them]']]);
  const later = setUp({ delayDenyMs: 500 });
  expect([later.data(), later.data(), later.closed]).toEqual([Status.Stop, Status.Stop, []]);
  later.clock.advance(510);
  expect(later.closed.length).toBe(1);
  expect(later.stats.value('tcp.rbac.denied')).toBe(1);
});

test('a connection that goes meanwhile is not closed again', () => {
  const r = setUp({ delayDenyMs: 500 });
  r.data();
  r.gone();
  r.clock.advance(1000);
  expect(r.closed).toEqual([]);
});

test('once, or with every piece of data', () => {
  const allow = {
    action: 'ALLOW' as const,
    policies: [{ name: 'p', permissions: [{ kind: 'any' as const }], principals: [{ kind: 'any' as const }] }],
  };
  for (const [continuous, count] of [
    [false, 1],
    [true, 3],
  ] as const) {
    const r = setUp({ rules: allow, shadowRules: allow, continuous });
    expect([r.data(), r.data(), r.data()]).toEqual([Status.Continue, Status.Continue, Status.Continue]);
    expect([r.stats.value('tcp.rbac.allowed'), r.stats.value('tcp.rbac.shadow_allowed')]).toEqual([count, count]);
  }
});
