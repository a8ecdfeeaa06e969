/** The state of a host under active health checks, and when it is asked, on simulated time. */
import { describe, expect, test } from 'vitest';
import { HealthFlag, healthFlagsText } from '../../src/lb/host.ts';
import { type FakeProbe, HealthRig } from '../support/health-rig.ts';

type Answer = '+' | '-' | 'x' | 'r' | 't' | 'd';

/** + passes, d passes degraded, - fails, r fails retriably, x network failure, t times out. Waits for the next check after each. */
function play(rig: HealthRig, probe: FakeProbe, answers: string): string {
  let states = '';
  for (const answer of answers as Iterable<Answer>) {
    const before = probe.starts.length;
    if (answer === '+') probe.listener.onPassed(false);
    else if (answer === 'd') probe.listener.onPassed(true);
    else if (answer === '-') probe.listener.onFailed(false, false, 503);
    else if (answer === 'r') probe.listener.onFailed(true, false, 429);
    else if (answer === 'x') probe.listener.onNetworkFailure();
    else rig.clock.advance(110);
    states += probe.host.failing ? 'F' : probe.host.has(HealthFlag.DegradedActiveHc) ? 'D' : 'H';
    while (probe.starts.length === before) rig.clock.advance(10);
  }
  return states;
}

describe('healthy or not', () => {
  test.each([
    ['the first success counts at once', '+', 'H'],
    ['the first failure changes nothing, and takes the bonus of the first', '-++', 'FFH'],
    ['an answer that says no fails at once', '+-', 'HF'],
    ['network failures count up to the threshold', '+xxx', 'HHHF'],
    ['so do timeouts, and both together', '+xtx', 'HHHF'],
    ['and retriable statuses', '+rxr', 'HHHF'],
    ['a success in between begins anew', '+xx+xxx', 'HHHHHHF'],
    ['two successes in a row bring it back', '+-++', 'HFFH'],
    ['not with a failure in between', '+-+x++', 'HFFFFH'],
    ['degraded and back', '+dd+', 'HDDH'],
    ['degraded while it fails shows when it is back', '-dd', 'FFD'],
  ])('%s', (_name, answers, states) => {
    const rig = new HealthRig();
    expect(play(rig, rig.add(), answers)).toBe(states);
  });

  test('balancing is told of changes only', () => {
    const rig = new HealthRig();
    play(rig, rig.add(), '++xxxx++d');
    expect(rig.results.map(({ changed, healthy }) => (changed ? 'changed' : 'same') + (healthy ? ' +' : ' -'))).toEqual([
      'changed +',
      'same +',
      'same -',
      'same -',
      'changed -',
      'same -',
      'same +',
      'changed +',
      'changed +',
    ]);
  });

  test('a host that waits for its first check is told of whatever the result', () => {
    const rig = new HealthRig();
    const probe = rig.add(0, HealthFlag.FailedActiveHc | HealthFlag.PendingActiveHc);
    play(rig, probe, 'x');
    expect(healthFlagsText(probe.host.flags)).toBe('/failed_active_hc');
    expect(rig.results[0]!.changed).toBe(true);
  });

  test('timeouts are marked while the host fails, until it fails otherwise', () => {
    const rig = new HealthRig({ unhealthyThreshold: 2 });
    const probe = rig.add();
    const flags: string[] = [];
    for (const answer of '+tt-t++') {
      play(rig, probe, answer);
      flags.push(healthFlagsText(probe.host.flags));
    }
    expect(flags).toEqual([
      'healthy',
      'healthy',
      '/failed_active_hc/active_hc_timeout',
      '/failed_active_hc',
      '/failed_active_hc/active_hc_timeout',
      '/failed_active_hc/active_hc_timeout',
      'healthy',
    ]);
    expect(probe.aborted).toBe(3);
  });

  test('a host excludes itself, by a check or by a response, until it passes', () => {
    const rig = new HealthRig();
    const probe = rig.add();
    play(rig, probe, '+');
    probe.listener.onFailed(false, true, 503);
    expect(healthFlagsText(probe.host.flags)).toBe('/failed_active_hc/excluded_via_immediate_hc_fail');
    rig.clock.advance(1010);
    play(rig, probe, '++');
    expect(healthFlagsText(probe.host.flags)).toBe('healthy');
    const checks = probe.starts.length;
    rig.checker.get(0)!.failNow();
    expect(healthFlagsText(probe.host.flags)).toBe('/failed_active_hc/excluded_via_immediate_hc_fail');
    expect([rig.stat('passive_failure'), rig.stat('failure'), rig.stat('network_failure')]).toEqual([1, 2, 0]);
    expect(probe.starts.length).toBe(checks);
  });

  test('statistics', () => {
    const rig = new HealthRig();
    play(rig, rig.add(1), 'xt-');
    rig.checker.remove(1);
    play(rig, rig.add(0), '+d');
    const names = ['attempt', 'success', 'failure', 'network_failure', 'passive_failure', 'verify_cluster', 'healthy', 'degraded'];
    expect(names.map((name) => rig.stat(name))).toEqual([7, 2, 3, 2, 0, 0, 1, 1]);
  });

  test('events', () => {
    const rig = new HealthRig({ unhealthyThreshold: 1 });
    play(rig, rig.add(), '+d+x-++');
    const kinds = rig.lines.map((line) => Object.keys(line).find((key) => /event|host$/.test(key) && key !== 'host'));
    expect(kinds).toEqual([
      'add_healthy_event',
      'degraded_healthy_host',
      'no_longer_degraded_host',
      'eject_unhealthy_event',
      'add_healthy_event',
    ]);
    expect(rig.lines[3]).toMatchObject({
      health_checker_type: 'TCP',
      cluster_name: 'c',
      host: { socket_address: { address: '10.0.0.1', port_value: 80 } },
      eject_unhealthy_event: { failure_type: 'NETWORK', http_status_code: 0 },
    });
  });

  test('the first failure is an event, later ones if asked for; so are successes', () => {
    const quiet = new HealthRig();
    play(quiet, quiet.add(), 'xx-');
    expect(quiet.lines.map((line) => line['health_check_failure_event'])).toEqual([
      { failure_type: 'NETWORK', first_check: true, http_status_code: 0 },
    ]);
    const loud = new HealthRig({ logFailures: true, logSuccesses: true });
    play(loud, loud.add(), 'x-+++');
    expect(loud.lines.map((line) => Object.keys(line).find((key) => key.endsWith('_event')))).toEqual([
      'health_check_failure_event',
      'health_check_failure_event',
      'add_healthy_event',
      'successful_health_check_event',
    ]);
  });
});

describe('when', () => {
  const times = (rig: HealthRig, answers: string): number[] => {
    const probe = rig.add();
    play(rig, probe, answers);
    return probe.starts.map((at, i) => at - (probe.starts[i - 1] ?? 0)).slice(1);
  };

  test('each state has its interval, and edges have theirs', () => {
    const rig = new HealthRig({
      ...{ intervalMs: 1000, unhealthyIntervalMs: 2000, unhealthyEdgeIntervalMs: 300, healthyEdgeIntervalMs: 400 },
      ...{ unhealthyThreshold: 2, healthyThreshold: 3 },
    });
    //                       H     H     edge fails fails edge edge H
    expect(times(rig, '++xxx+++')).toEqual([1000, 1000, 300, 2000, 2000, 400, 400, 1000]);
  });

  test('an interval is counted from the result', () => {
    const rig = new HealthRig({ timeoutMs: 500, intervalMs: 1000 });
    const probe = rig.add();
    rig.clock.advance(300);
    probe.listener.onPassed(false);
    rig.clock.advance(2000);
    expect(probe.starts).toEqual([0, 1300]);
  });

  test('without traffic the pace is slow, but not while a host comes back', () => {
    const rig = new HealthRig({ noTrafficIntervalMs: 5000, noTrafficHealthyIntervalMs: 9000 });
    rig.traffic = false;
    expect(times(rig, 'x++x')).toEqual([5000, 5000, 9000, 5000]);
    rig.traffic = true;
    const probe = rig.probes[0]!;
    play(rig, probe, '+');
    expect(probe.starts.at(-1)! - probe.starts.at(-2)!).toBe(1000);
  });

  test('jitter: uniform in [0, jitter), and a share of the interval', () => {
    const rig = new HealthRig({ intervalJitterMs: 400 });
    const drawn = Array.from({ length: 20_000 }, () => rig.checker.interval(true, 0) - 1000);
    expect([Math.min(...drawn), Math.max(...drawn)]).toEqual([0, 399]);
    // The mean of 20,000 draws, within 5 standard errors (400 / sqrt(12 * 20000)).
    expect(Math.abs(drawn.reduce((a, b) => a + b, 0) / drawn.length - 199.5)).toBeLessThan(5 * 0.82);
    const percent = new HealthRig({ intervalJitterPercent: 25 });
    const shares = Array.from({ length: 20_000 }, () => percent.checker.interval(true, 0) - 1000);
    expect([Math.min(...shares), Math.max(...shares)]).toEqual([0, 249]);
  });

  test('first checks of many hosts are spread over initial_jitter', () => {
    const rig = new HealthRig({ initialJitterMs: 1000 });
    for (let slot = 0; slot < 50; slot++) rig.add(slot);
    rig.clock.advance(1020);
    const starts = rig.probes.map((probe) => probe.starts[0]!);
    expect(starts.every((at) => at <= 1010)).toBe(true);
    expect(new Set(starts).size).toBeGreaterThan(25);
  });

  test('runtime bounds the interval', () => {
    const rig = new HealthRig({}, { 'health_check.min_interval': '3000' });
    expect(rig.checker.interval(true, 0)).toBe(3000);
    expect(new HealthRig({}, { 'health_check.max_interval': '50' }).checker.interval(true, 0)).toBe(50);
    expect(new HealthRig({}, { 'health_check.max_interval': '0' }).checker.interval(true, 0)).toBe(1);
  });

  test('a host that leaves is not asked again, and its answer is not heard', () => {
    const rig = new HealthRig();
    const probe = rig.add();
    rig.checker.remove(0);
    expect(probe.closed).toBe(true);
    expect(rig.results).toEqual([{ slot: 0, changed: false, healthy: false }]);
    probe.listener.onPassed(false);
    rig.clock.advance(10_000);
    expect([probe.starts.length, rig.results.length, rig.clock.armed]).toEqual([1, 1, 0]);
  });
});
