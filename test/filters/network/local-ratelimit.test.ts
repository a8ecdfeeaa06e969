import { afterEach, expect, test } from 'vitest';
import { createAcceptRateLimit } from '../../../src/filters/listener/local-ratelimit/filter.ts';
import { createDirectResponse } from '../../../src/filters/network/direct-response/filter.ts';
import type { ConnectionRateLimitSettings } from '../../../src/filters/network/local-ratelimit/config.ts';
import { createConnectionRateLimit } from '../../../src/filters/network/local-ratelimit/filter.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { chain, ListenerRig, listener } from '../../support/listener-rig.ts';

let rig: ListenerRig;
afterEach(() => rig.stop());

const clock = new SimulatedClock();
const bucket = { maxTokens: 2, tokensPerFill: 1, fillIntervalMs: 1000 };
const settings = (more: Partial<ConnectionRateLimitSettings>): ConnectionRateLimitSettings => ({
  statPrefix: 'p',
  bucket,
  runtimeKey: '',
  enabled: true,
  sharedAs: 'here',
  ...more,
});

async function start(limits: readonly ConnectionRateLimitSettings[]): Promise<void> {
  rig = new ListenerRig({ clock });
  rig.networkFilters['limit'] = (its, deps) => createConnectionRateLimit(its as ConnectionRateLimitSettings, deps);
  rig.networkFilters['say'] = () => createDirectResponse({ response: 'hi' });
  await rig.manager.addOrUpdate(
    'l',
    listener({ filterChains: [chain('c', [...limits.map((its): [string, unknown] => ['limit', its]), 'say'])] }),
  );
}

const says = () => rig.connect('l').untilEnd();

test('connections beyond the bucket are closed and counted, and may come again when it has filled', async () => {
  await start([settings({})]);
  expect([await says(), await says(), await says()]).toEqual(['hi', 'hi', '']);
  expect(rig.stats.value('local_rate_limit.p.rate_limited')).toBe(1);
  clock.advance(1000);
  expect([await says(), await says()]).toEqual(['hi', '']);
});

test('filters of one share_key have one bucket', async () => {
  await start([settings({ sharedAs: 'key' }), settings({ sharedAs: 'key', statPrefix: 'q' })]);
  expect([await says(), await says()]).toEqual(['hi', '']);
  expect(rig.stats.value('local_rate_limit.p.rate_limited')).toBe(1);
  expect(rig.stats.value('local_rate_limit.q.rate_limited')).toBe(0);
});

test('switched off it lets everything pass', async () => {
  await start([settings({ enabled: false })]);
  expect([await says(), await says(), await says()]).toEqual(['hi', 'hi', 'hi']);
});

test('sockets beyond the bucket are closed before any filter chain', async () => {
  rig = new ListenerRig({ clock });
  rig.networkFilters['say'] = () => createDirectResponse({ response: 'hi' });
  rig.listenerFilters['accept'] = (its, deps) => createAcceptRateLimit(its as never, deps);
  const filter = { name: 'accept', type: 'accept', settings: { ...settings({}), place: 'there' }, disabled: null };
  await rig.manager.addOrUpdate('l', listener({ listenerFilters: [filter], filterChains: [chain('c', ['say'])] } as never));
  expect([await says(), await says(), await says()]).toEqual(['hi', 'hi', '']);
  expect(rig.stats.value('listener_local_ratelimit.p.rate_limited')).toBe(1);
});
