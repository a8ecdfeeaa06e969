import { describe, expect, test } from 'vitest';
import { HOST_CELLS } from '../../../src/lb/host.ts';
import { Detection, Origin, readLastBucket, switchBuckets } from '../../../src/resilience/outlier/monitor-cells.ts';
import type { SlabMonitor } from '../../../src/resilience/outlier/slab-monitor.ts';
import { OutlierRig } from '../../support/outlier-rig.ts';

type Step = (host: SlabMonitor) => void;

const status =
  (code: number): Step =>
  (host) =>
    host.onStatus(code);

const STEPS: Readonly<Record<string, Step>> = {
  connected: (host) => host.onConnected(),
  'connected (TCP)': (host) => host.onConnectedFinally(),
  'connect failed': (host) => host.onConnectFailed(),
  'timeout (504)': (host) => host.onTimeout(504),
  'timeout (204)': (host) => host.onTimeout(204),
  'timeout (TCP)': (host) => host.onTimeout(0),
  200: status(200),
  404: status(404),
  499: status(499),
  500: status(500),
  502: status(502),
  503: status(503),
  504: status(504),
  505: status(505),
  599: status(599),
};

/** What one result adds to: requests and successes by origin, and which rows of failures go on (+), end (0) or are left alone (.). */
function effect(step: Step, split: boolean): string {
  const rig = new OutlierRig(1, { splitExternalLocalOriginErrors: split, consecutive5xx: 9, consecutiveGatewayFailure: 9 });
  const base = rig.slots[0]! + HOST_CELLS;
  rig.slab.cells.fill(3, base, base + 3);
  step(rig.host(0));
  const rows = [0, 1, 2].map((i) => ({ 0: '0', 3: '.', 4: '+' })[rig.slab.cells[base + i]!]).join('');
  switchBuckets(rig.slab.cells, base);
  const counts = [Origin.External, Origin.Local].map((origin) => {
    const { total, success } = readLastBucket(rig.slab.cells, base, origin);
    return `${success}/${total}`;
  });
  return `${counts.join(' ')} ${rows}`;
}

describe('what a result counts as: external rate, local rate, rows of 5xx, gateway failures and local-origin failures', () => {
  const CASES: readonly (readonly [string, string, string])[] = [
    // result            together        split
    ['connected', '0/0 0/0 ...', '0/0 1/1 ..0'],
    ['connected (TCP)', '1/1 0/0 00.', '0/0 1/1 ..0'],
    ['connect failed', '0/1 0/0 ++.', '0/0 0/1 ..+'],
    ['timeout (504)', '0/1 0/0 ++.', '0/0 0/1 ..+'],
    ['timeout (204)', '1/1 0/0 00.', '0/0 0/1 ..+'],
    ['timeout (TCP)', '0/1 0/0 ++.', '0/0 0/1 ..+'],
    ['200', '1/1 0/0 00.', '1/1 0/0 00.'],
    ['404', '1/1 0/0 00.', '1/1 0/0 00.'],
    ['499', '1/1 0/0 00.', '1/1 0/0 00.'],
    ['500', '0/1 0/0 +0.', '0/1 0/0 +0.'],
    ['502', '0/1 0/0 ++.', '0/1 0/0 ++.'],
    ['503', '0/1 0/0 ++.', '0/1 0/0 ++.'],
    ['504', '0/1 0/0 ++.', '0/1 0/0 ++.'],
    ['505', '0/1 0/0 +0.', '0/1 0/0 +0.'],
    ['599', '0/1 0/0 +0.', '0/1 0/0 +0.'],
  ];
  test.each(CASES)('%s', (name, together, split) => {
    expect([effect(STEPS[name]!, false), effect(STEPS[name]!, true)]).toEqual([together, split]);
  });
});

describe('rows of failures', () => {
  test('are reported when they reach the threshold, and again after as many more', () => {
    const rig = new OutlierRig(1, { enforcingConsecutive5xx: 0 });
    rig.respond(0, 500, 4);
    expect(rig.detections).toEqual([]);
    rig.respond(0, 500);
    expect(rig.detections).toEqual([[0, Detection.Consecutive5xx]]);
    rig.respond(0, 500, 4);
    expect(rig.detections).toHaveLength(1);
    rig.respond(0, 500);
    expect(rig.detections).toHaveLength(2);
  });

  test('of gateway failures come before those of 5xx', () => {
    const rig = new OutlierRig(1);
    rig.respond(0, 503, 5);
    expect(rig.detections.map(([, detection]) => detection)).toEqual([Detection.ConsecutiveGatewayFailure, Detection.Consecutive5xx]);
  });

  test('belong to all workers together', () => {
    const rig = new OutlierRig(2);
    const workers = [rig.worker(), rig.worker(), rig.worker(), rig.worker()];
    for (let i = 0; i < 4; i++) workers[i]![1]!.onStatus(500);
    expect(rig.detections).toEqual([]);
    workers[0]![1]!.onStatus(500);
    expect(rig.detections).toEqual([[1, Detection.Consecutive5xx]]);
  });

  test('a success seen by one worker ends the row for all', () => {
    const rig = new OutlierRig(1);
    const [a, b] = [rig.worker(), rig.worker()];
    for (let i = 0; i < 20; i++) {
      a[0]!.onStatus(500);
      a[0]!.onStatus(500);
      b[0]!.onStatus(500);
      b[0]!.onStatus(500);
      b[0]!.onStatus(200);
    }
    expect(rig.detections).toEqual([]);
  });

  test('thresholds come from runtime where it has them', () => {
    const rig = new OutlierRig(1, { splitExternalLocalOriginErrors: true });
    rig.runtime.replace({
      'outlier_detection.consecutive_5xx': '2',
      'outlier_detection.consecutive_gateway_failure': '1',
      'outlier_detection.consecutive_local_origin_failure': '3',
      'outlier_detection.enforcing_consecutive_5xx': '0',
    });
    rig.respond(0, 503);
    expect(rig.detections.map(([, d]) => d)).toEqual([Detection.ConsecutiveGatewayFailure]);
    rig.respond(0, 500);
    expect(rig.detections.at(-1)).toEqual([0, Detection.Consecutive5xx]);
    for (let i = 0; i < 3; i++) rig.host(0).onConnectFailed();
    expect(rig.detections.at(-1)).toEqual([0, Detection.ConsecutiveLocalOriginFailure]);
  });
});

describe('degradation', () => {
  test('is reported once until the host is itself again', () => {
    const rig = new OutlierRig(1, { detectDegradedHosts: true });
    for (const monitors of [rig.worker(), rig.worker()]) monitors[0]!.onDegraded();
    expect(rig.detections).toEqual([[0, Detection.Degraded]]);
    expect(rig.health(0)).toBe('/degraded_outlier_detection');
  });
});
