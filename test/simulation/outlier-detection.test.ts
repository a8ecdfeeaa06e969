/** Outlier detection on a simulated clock: which hosts are ejected, for how long, and what is said of it. */
import { describe, expect, test } from 'vitest';
import { HealthFlag } from '../../src/lb/host.ts';
import { Origin } from '../../src/resilience/outlier/monitor-cells.ts';
import { OutlierRig } from '../support/outlier-rig.ts';

const SECOND = 1000;

describe('ejection', () => {
  test('after five 5xx in a row, for 30 s and until the next sweep', () => {
    const rig = new OutlierRig(2);
    rig.clock.advance(3 * SECOND);
    rig.respond(0, 500, 5);
    expect([rig.out, rig.published, rig.stat('ejections_active')]).toEqual([[0], 1, 1]);
    // Ejected at 3 s: 33 s lie after the sweep at 30 s.
    rig.clock.advance(36 * SECOND);
    expect(rig.out).toEqual([0]);
    rig.clock.advance(SECOND);
    expect([rig.out, rig.published, rig.stat('ejections_active')]).toEqual([[], 2, 0]);
    expect(
      ['consecutive_5xx', 'detected_consecutive_5xx', 'enforced_consecutive_5xx', 'enforced_total', 'total', 'overflow'].map((n) =>
        rig.stat('ejections_' + n),
      ),
    ).toEqual([1, 1, 1, 1, 1, 0]);
  });

  test('of a host that is out already changes nothing', () => {
    const rig = new OutlierRig(1);
    rig.respond(0, 500, 50);
    expect(rig.detections).toHaveLength(1);
    expect([rig.stat('ejections_detected_consecutive_5xx'), rig.stat('ejections_enforced_total'), rig.events.length]).toEqual([1, 1, 1]);
  });

  test('needs a whole row again after the host has come back', () => {
    const rig = new OutlierRig(1);
    rig.respond(0, 500, 9);
    rig.clock.advance(30 * SECOND);
    expect(rig.out).toEqual([]);
    rig.respond(0, 500, 4);
    expect(rig.out).toEqual([]);
    rig.respond(0, 500);
    expect(rig.out).toEqual([0]);
  });

  test('for gateway failures and local-origin failures', () => {
    const rig = new OutlierRig(3, {
      enforcingConsecutiveGatewayFailure: 100,
      consecutiveGatewayFailure: 3,
      splitExternalLocalOriginErrors: true,
    });
    rig.respond(0, 502, 3);
    for (let i = 0; i < 5; i++) rig.host(1).onConnectFailed();
    rig.respond(2, 500, 3);
    expect(rig.out).toEqual([0, 1]);
    expect([
      rig.stat('ejections_enforced_consecutive_gateway_failure'),
      rig.stat('ejections_enforced_consecutive_local_origin_failure'),
    ]).toEqual([1, 1]);
    // Only the old counters of two sorts are moved.
    expect([rig.stat('ejections_total'), rig.stat('ejections_consecutive_5xx')]).toEqual([0, 0]);
  });

  test('with the share that enforcing_* says', () => {
    const rig = new OutlierRig(2000, { enforcingConsecutive5xx: 30, maxEjectionPercent: 100 });
    for (let i = 0; i < 2000; i++) rig.respond(i, 500, 5);
    expect(rig.stat('ejections_detected_consecutive_5xx')).toBe(2000);
    // 600 expected; the standard deviation is 20.5.
    expect(Math.abs(rig.out.length - 600)).toBeLessThan(4 * 20.5);
    expect(rig.events.filter((event) => event['enforced'] === true)).toHaveLength(rig.out.length);
  });

  test('the share can be set at run time', () => {
    const rig = new OutlierRig(1);
    rig.runtime.replace({ 'outlier_detection.enforcing_consecutive_5xx': '0' });
    rig.respond(0, 500, 5);
    expect([rig.out, rig.events.map((event) => event['enforced'])]).toEqual([[], [false]]);
  });
});

describe('the bound on ejections', () => {
  const ejectAll = (hosts: number, settings: object, runtime: Record<string, string> = {}) => {
    const rig = new OutlierRig(hosts, settings);
    rig.runtime.replace(runtime);
    for (let i = 0; i < hosts; i++) rig.respond(i, 500, 5);
    return [rig.out.length, rig.stat('ejections_overflow')];
  };
  test.each([
    ['the default of 10 % lets nine hosts all stay', 9, { maxEjectionPercent: 10 }, {}, [0, 9]],
    ['one of ten', 10, { maxEjectionPercent: 10 }, {}, [1, 9]],
    ['half of five is two', 5, { maxEjectionPercent: 50 }, {}, [2, 3]],
    ['0 is none', 4, { maxEjectionPercent: 0 }, {}, [0, 4]],
    ['100 is all', 4, { maxEjectionPercent: 100 }, {}, [4, 0]],
    ['always_eject_one_host', 3, { maxEjectionPercent: 10, alwaysEjectOneHost: true }, {}, [1, 2]],
    ['by runtime', 4, { maxEjectionPercent: 10 }, { 'outlier_detection.max_ejection_percent': '75' }, [3, 1]],
    ['by runtime, beyond 100', 4, { maxEjectionPercent: 10 }, { 'outlier_detection.max_ejection_percent': '1000' }, [4, 0]],
  ] as const)('%s', (_name, hosts, settings, runtime, expected) => {
    expect(ejectAll(hosts, settings, runtime)).toEqual(expected);
  });

  test('holds for those that are not enforced too, as in Envoy', () => {
    const rig = new OutlierRig(3, { maxEjectionPercent: 10 });
    rig.respond(0, 503, 5);
    expect([rig.stat('ejections_overflow'), rig.events.length]).toEqual([2, 0]);
  });
});

describe('how long a host is out', () => {
  /** Ejects host 0 and lets time pass until it is back. @returns seconds */
  function outFor(rig: OutlierRig): number {
    rig.respond(0, 500, 5);
    expect(rig.ejected(0)).toBe(true);
    const from = rig.clock.nowMs();
    while (rig.ejected(0)) rig.clock.advance(SECOND);
    return (rig.clock.nowMs() - from) / SECOND;
  }

  test('longer each time, up to max_ejection_time', () => {
    const rig = new OutlierRig(1, { intervalMs: SECOND, baseEjectionTimeMs: 10 * SECOND, maxEjectionTimeMs: 35 * SECOND });
    expect(Array.from({ length: 6 }, () => outFor(rig))).toEqual([10, 20, 30, 35, 35, 35]);
  });

  test('shorter again for each interval in which it did well', () => {
    const rig = new OutlierRig(1, { intervalMs: SECOND, baseEjectionTimeMs: 10 * SECOND });
    expect([outFor(rig), outFor(rig), outFor(rig)]).toEqual([10, 20, 30]);
    // The sweeps at 1 s and 2 s after it came back.
    rig.clock.advance(2 * SECOND);
    expect(outFor(rig)).toBe(20);
    rig.clock.advance(60 * SECOND);
    expect(outFor(rig)).toBe(10);
  });

  test('by runtime', () => {
    const rig = new OutlierRig(1, { intervalMs: SECOND });
    rig.runtime.replace({ 'outlier_detection.base_ejection_time_ms': '4000', 'outlier_detection.max_ejection_time_ms': '6000' });
    expect([outFor(rig), outFor(rig)]).toEqual([4, 6]);
    rig.runtime.replace({ 'outlier_detection.interval_ms': '7000', 'outlier_detection.base_ejection_time_ms': '1000' });
    rig.clock.advance(SECOND);
    expect(outFor(rig)).toBe(7);
  });

  test('with jitter, so that hosts do not all come back at once', () => {
    const rig = new OutlierRig(500, { intervalMs: SECOND, baseEjectionTimeMs: 10 * SECOND, maxEjectionTimeJitterMs: 9 * SECOND });
    for (let i = 0; i < 500; i++) rig.respond(i, 500, 5);
    rig.clock.advance(9 * SECOND);
    const left: number[] = [];
    for (let s = 0; s < 11; s++) {
      left.push(rig.out.length);
      rig.clock.advance(SECOND);
    }
    expect([left[0], left.at(-1)]).toEqual([500, 0]);
    // Some 55 come back at each of the nine sweeps after the base time (the deviation is 7).
    for (let s = 2; s < 10; s++) expect(Math.abs(left[s]! - left[s + 1]! - 500 / 9)).toBeLessThan(4 * 7.1);
  });

  test('until an active health check succeeds', () => {
    const rig = new OutlierRig(1);
    rig.setHealth(0, HealthFlag.FailedActiveHc, true);
    rig.respond(0, 500, 5);
    rig.detector.onHealthCheckPassed(rig.slots[0]!);
    expect(rig.ejected(0)).toBe(true);
    rig.setHealth(0, HealthFlag.FailedActiveHc, false);
    rig.detector.onHealthCheckPassed(rig.slots[0]!);
    expect([rig.ejected(0), rig.stat('ejections_active'), rig.events.at(-1)!['action']]).toEqual([false, 0, 'UNEJECT']);
    const stays = new OutlierRig(1, { successfulActiveHealthCheckUnejectHost: false });
    stays.respond(0, 500, 5);
    stays.detector.onHealthCheckPassed(stays.slots[0]!);
    expect(stays.ejected(0)).toBe(true);
  });
});

describe('success rates', () => {
  /** One interval in which host `i` has `total` requests, of which `failures[i]` fail. */
  function interval(rig: OutlierRig, total: number, failures: readonly number[]): void {
    failures.forEach((failed, i) => {
      for (let k = 0; k < total; k++) rig.host(i).onStatus(k % total < failed && k % 4 !== 3 ? 500 : 200);
    });
    rig.clock.advance(10 * SECOND);
  }

  test('a host far below the others is ejected', () => {
    const rig = new OutlierRig(5, { consecutive5xx: 1000 });
    interval(rig, 100, [66, 0, 0, 0, 0]);
    // 66 of 100 minus each fourth: 50 failures. Mean 90, deviation 20, threshold 90 - 1.9 * 20.
    expect(rig.detector.rates(Origin.External)).toEqual({ average: 90, threshold: 52 });
    expect(rig.slots.map((slot) => rig.detector.successRate(slot, Origin.External))).toEqual([50, 100, 100, 100, 100]);
    expect([rig.out, rig.stat('ejections_enforced_success_rate'), rig.stat('ejections_success_rate'), rig.stat('ejections_total')]).toEqual(
      [[0], 1, 1, 1],
    );
    expect(rig.events[0]).toMatchObject({
      type: 'SUCCESS_RATE',
      eject_success_rate_event: { host_success_rate: 50, cluster_average_success_rate: 90, cluster_success_rate_ejection_threshold: 52 },
    });
    rig.clock.advance(10 * SECOND);
    expect(rig.detector.rates(Origin.External)).toEqual({ average: -1, threshold: -1 });
    expect(rig.detector.successRate(rig.slots[1]!, Origin.External)).toBe(-1);
  });

  test.each([
    ['too few hosts', 4, 100, {}],
    ['too few requests', 5, 99, {}],
    ['not enforced', 5, 100, { enforcingSuccessRate: 0 }],
    ['within the deviation', 5, 100, { successRateStdevFactor: 2100 }],
  ] as const)('nobody is ejected: %s', (_name, hosts, requests, settings) => {
    const rig = new OutlierRig(hosts, { consecutive5xx: 1000, ...settings });
    interval(rig, requests, [66, 0, 0, 0, 0].slice(0, hosts));
    expect(rig.out).toEqual([]);
  });

  test('requests of two intervals are not added up', () => {
    const rig = new OutlierRig(5, { consecutive5xx: 1000 });
    interval(rig, 60, [50, 0, 0, 0, 0]);
    interval(rig, 60, [50, 0, 0, 0, 0]);
    expect(rig.stat('ejections_detected_success_rate')).toBe(0);
  });

  test('bounds and factor by runtime', () => {
    const rig = new OutlierRig(3, { consecutive5xx: 1000 });
    rig.runtime.replace({
      'outlier_detection.success_rate_minimum_hosts': '3',
      'outlier_detection.success_rate_request_volume': '10',
      'outlier_detection.success_rate_stdev_factor': '500',
    });
    interval(rig, 20, [12, 0, 0]);
    expect(rig.out).toEqual([0]);
  });

  test('of local origin, when they are told apart', () => {
    const rig = new OutlierRig(5, { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailure: 1000 });
    for (let i = 0; i < 5; i++) {
      for (let k = 0; k < 100; k++) {
        if (i === 4 && k % 2 === 0) rig.host(i).onConnectFailed();
        else rig.host(i).onConnected();
      }
    }
    rig.clock.advance(10 * SECOND);
    expect([rig.out, rig.stat('ejections_enforced_local_origin_success_rate'), rig.stat('ejections_total')]).toEqual([[4], 1, 0]);
    expect([rig.detector.rates(Origin.External).average, rig.detector.rates(Origin.Local).average]).toEqual([-1, 90]);
  });

  test('hosts that are out do not count', () => {
    const rig = new OutlierRig(6, { successRateMinimumHosts: 6, failurePercentageMinimumHosts: 9 });
    interval(rig, 100, [0, 0, 0, 0, 0, 0]);
    expect(rig.detector.rates(Origin.External).average).toBe(100);
    rig.respond(5, 500, 5);
    interval(rig, 100, [0, 0, 0, 0, 0]);
    expect(rig.detector.rates(Origin.External).average).toBe(-1);
  });
});

describe('failure percentage', () => {
  const settings = { consecutive5xx: 1000, enforcingSuccessRate: 0, enforcingFailurePercentage: 100, failurePercentageThreshold: 40 };
  function run(hosts: number, requests: number, more: object = {}, runtime: Record<string, string> = {}): OutlierRig {
    const rig = new OutlierRig(hosts, { ...settings, ...more });
    rig.runtime.replace(runtime);
    for (let i = 0; i < hosts; i++) for (let k = 0; k < requests; k++) rig.respond(i, i === 0 ? (k % 5 < 2 ? 500 : 200) : 200);
    rig.clock.advance(10 * SECOND);
    return rig;
  }

  test('at the threshold is enough', () => {
    const rig = run(5, 50);
    expect([rig.out, rig.stat('ejections_enforced_failure_percentage')]).toEqual([[0], 1]);
    expect(rig.events[0]).toMatchObject({ type: 'FAILURE_PERCENTAGE', eject_failure_percentage_event: { host_success_rate: 60 } });
  });

  test.each([
    ['too few hosts', 4, 50, {}, {}],
    ['too few requests', 5, 45, {}, {}],
    ['below the threshold', 5, 50, { failurePercentageThreshold: 41 }, {}],
    ['not enforced, as by default', 5, 50, { enforcingFailurePercentage: 0 }, {}],
    ['threshold by runtime', 5, 50, {}, { 'outlier_detection.failure_percentage_threshold': '90' }],
    ['hosts by runtime', 5, 50, {}, { 'outlier_detection.failure_percentage_minimum_hosts': '6' }],
    ['requests by runtime', 5, 50, {}, { 'outlier_detection.failure_percentage_request_volume': '60' }],
  ] as const)('nobody is ejected: %s', (_name, hosts, requests, more, runtime) => {
    expect(run(hosts, requests, more, runtime).out).toEqual([]);
  });

  test('a host that its success rate has thrown out in the same sweep is ejected once', () => {
    const rig = run(5, 100, { enforcingSuccessRate: 100, failurePercentageThreshold: 10 });
    expect([rig.stat('ejections_active'), rig.stat('ejections_enforced_total'), rig.out]).toEqual([1, 1, [0]]);
    expect([rig.stat('ejections_detected_success_rate'), rig.stat('ejections_detected_failure_percentage')]).toEqual([1, 1]);
    rig.clock.advance(30 * SECOND);
    expect([rig.stat('ejections_active'), rig.out]).toEqual([0, []]);
  });

  test('of local origin', () => {
    const rig = new OutlierRig(5, {
      splitExternalLocalOriginErrors: true,
      enforcingFailurePercentageLocalOrigin: 100,
      enforcingLocalOriginSuccessRate: 0,
      enforcingConsecutiveLocalOriginFailure: 0,
    });
    for (let i = 0; i < 5; i++) for (let k = 0; k < 60; k++) i < 2 ? rig.host(i).onTimeout(504) : rig.host(i).onConnected();
    rig.clock.advance(10 * SECOND);
    expect([rig.out, rig.stat('ejections_enforced_local_origin_failure_percentage')]).toEqual([[0, 1], 2]);
  });
});

describe('degraded hosts', () => {
  test('are marked for the base time, and are no ejections', () => {
    const rig = new OutlierRig(2, { detectDegradedHosts: true, maxEjectionPercent: 0 });
    rig.host(0).onDegraded();
    rig.host(1).onDegraded();
    expect([rig.health(0), rig.health(1), rig.stat('ejections_active'), rig.stat('ejections_detected_degradation')]).toEqual([
      '/degraded_outlier_detection',
      '/degraded_outlier_detection',
      0,
      2,
    ]);
    rig.clock.advance(29 * SECOND);
    expect(rig.health(0)).toBe('/degraded_outlier_detection');
    rig.clock.advance(SECOND);
    expect(rig.health(0)).toBe('healthy');
    rig.host(0).onDegraded();
    rig.clock.advance(59 * SECOND);
    expect(rig.health(0)).toBe('/degraded_outlier_detection');
    rig.clock.advance(SECOND);
    expect(rig.health(0)).toBe('healthy');
  });
});

describe('membership', () => {
  test('a host that leaves takes its ejection with it', () => {
    const rig = new OutlierRig(4, { maxEjectionPercent: 50 });
    rig.respond(0, 500, 5);
    rig.respond(1, 500, 5);
    rig.respond(2, 500, 5);
    expect([rig.out, rig.stat('ejections_active'), rig.stat('ejections_overflow')]).toEqual([[0, 1], 2, 1]);
    rig.setHosts(rig.slots.slice(1));
    expect(rig.stat('ejections_active')).toBe(1);
    rig.detector.onDetection(rig.slots[0]!, 0);
    expect(rig.stat('ejections_detected_consecutive_5xx')).toBe(3);
    rig.setHosts([rig.slots[1]!, rig.slots[3]!]);
    rig.clock.advance(40 * SECOND);
    expect([rig.stat('ejections_active'), rig.ejected(1)]).toEqual([0, false]);
  });

  test('a logical host that has moved is named by its new address', () => {
    const rig = new OutlierRig(1);
    rig.detector.setHosts([[rig.slots[0]!, '10.9.9.9:80']]);
    rig.respond(0, 500, 5);
    rig.detector.setHosts([[rig.slots[0]!, '10.8.8.8:80']]);
    rig.clock.advance(30 * SECOND);
    expect(rig.events.map((event) => event['upstream_url'])).toEqual(['10.9.9.9:80', '10.8.8.8:80']);
  });

  test('a detector that is stopped does nothing more', () => {
    const rig = new OutlierRig(1);
    rig.respond(0, 500, 5);
    rig.detector.stop();
    expect([rig.stat('ejections_active'), rig.clock.armed]).toEqual([0, 0]);
  });
});

describe('the event log', () => {
  test('says who was ejected and came back, and after how long', () => {
    const rig = new OutlierRig(1, { enforcingConsecutiveGatewayFailure: 0 });
    rig.clock.advance(1500);
    rig.respond(0, 503, 5);
    rig.clock.advance(38_500);
    rig.clock.advance(2300);
    rig.respond(0, 500, 5);
    const common = { cluster_name: 'c', upstream_url: '10.0.0.0:80' };
    const at = (ms: number) => new Date(rig.clock.wallMs() - rig.clock.nowMs() + ms).toISOString().replace('.000Z', 'Z');
    expect(rig.events).toEqual([
      {
        type: 'CONSECUTIVE_GATEWAY_FAILURE',
        timestamp: at(1500),
        ...common,
        action: 'EJECT',
        num_ejections: 0,
        enforced: false,
        eject_consecutive_event: {},
      },
      {
        type: 'CONSECUTIVE_5XX',
        timestamp: at(1500),
        ...common,
        action: 'EJECT',
        num_ejections: 1,
        enforced: true,
        eject_consecutive_event: {},
      },
      {
        type: 'CONSECUTIVE_5XX',
        timestamp: at(40_000),
        secs_since_last_action: '38',
        ...common,
        action: 'UNEJECT',
        num_ejections: 1,
        enforced: false,
      },
      {
        type: 'CONSECUTIVE_5XX',
        timestamp: at(42_300),
        secs_since_last_action: '2',
        ...common,
        action: 'EJECT',
        num_ejections: 2,
        enforced: true,
        eject_consecutive_event: {},
      },
    ]);
  });
});
