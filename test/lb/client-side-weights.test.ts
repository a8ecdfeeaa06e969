import { describe, expect, test } from 'vitest';
import { type ClientSideWeightSettings, ClientSideWeights } from '../../src/lb/client-side-weights.ts';
import { readOrcaReport } from '../../src/lb/orca-report.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { host } from '../support/lb-rig.ts';

const SETTINGS: ClientSideWeightSettings = {
  blackoutMs: 10_000,
  expirationMs: 180_000,
  updateMs: 1000,
  errorPenalty: 1,
  metricNames: [],
  outOfBand: null,
};

/** OrcaLoadReport as bytes: doubles by field number, and one entry of named_metrics. */
function binary(doubles: Readonly<Record<number, number>>, named: readonly [string, number] | null = null): string {
  const parts: Buffer[] = [];
  for (const [field, value] of Object.entries(doubles)) {
    const bytes = Buffer.alloc(9);
    bytes[0] = Number(field) * 8 + 1;
    bytes.writeDoubleLE(value, 1);
    parts.push(bytes);
  }
  if (named !== null) {
    const entry = Buffer.concat([Buffer.from([0x0a, named[0].length]), Buffer.from(named[0]), Buffer.from([0x11]), Buffer.alloc(8)]);
    entry.writeDoubleLE(named[1], entry.length - 8);
    parts.push(Buffer.from([0x42, entry.length]), entry);
  }
  return Buffer.concat(parts).toString('base64');
}

describe('reports', () => {
  const metrics = (bin?: string, plain?: string) => {
    const report = readOrcaReport(bin, plain);
    return report === null ? null : Object.fromEntries(report.metrics);
  };

  test.each([
    ['endpoint-load-metrics-bin', binary({ 6: 100, 9: 0.5 }, ['foo', 3]), undefined],
    ['BIN', undefined, 'BIN ' + binary({ 6: 100, 9: 0.5 }, ['foo', 3])],
    ['TEXT', undefined, 'TEXT rps_fractional=100,application_utilization=0.5,named_metrics.foo=3'],
    ['JSON', undefined, 'JSON {"rps_fractional": 100, "applicationUtilization": 0.5, "named_metrics": {"foo": 3}}'],
  ])('as %s', (_name, bin, plain) => {
    expect(metrics(bin, plain)).toEqual({ rps_fractional: 100, application_utilization: 0.5, 'named_metrics.foo': 3 });
  });

  test.each([
    [undefined, undefined],
    [undefined, 'XML <a/>'],
    [undefined, 'rps_fractional=1'],
    [undefined, 'TEXT rps_fractional'],
    [undefined, 'TEXT unknown=1'],
    [undefined, 'JSON {'],
    ['MQ==', undefined],
  ])('nothing that can be read: %j %j', (bin, plain) => {
    expect(metrics(bin, plain)).toBeNull();
  });
});

describe('weights', () => {
  function rig(more: Partial<ClientSideWeightSettings> = {}, count = 4) {
    const clock = new SimulatedClock();
    const hosts = Array.from({ length: count }, () => host(7));
    let changes = 0;
    const weights = new ClientSideWeights(
      { ...SETTINGS, ...more },
      clock,
      () => [hosts],
      () => changes++,
    );
    const report = (index: number, text: string): void =>
      void weights.onResponse(hosts[index]!, { get: (name) => (name === 'endpoint-load-metrics' ? 'TEXT ' + text : undefined) });
    return { clock, report, weights, now: () => hosts.map((one) => one.weight), changes: () => changes };
  }

  test('without reports all hosts weigh the same', () => {
    const { clock, now, changes } = rig();
    clock.advance(1000);
    expect(now()).toEqual([1, 1, 1, 1]);
    clock.advance(5000);
    expect(changes()).toBe(1);
  });

  test('after the blackout a host has its own, and the others the median', () => {
    const { clock, report, now } = rig();
    report(0, 'rps_fractional=100,application_utilization=0.5');
    report(1, 'rps_fractional=100,application_utilization=0.25');
    clock.advance(9000);
    expect(now()).toEqual([1, 1, 1, 1]);
    clock.advance(1000);
    expect(now()).toEqual([200, 400, 300, 300]);
  });

  test('a host that has gone silent loses it, and waits again', () => {
    const { clock, report, now } = rig({ expirationMs: 20_000 });
    report(0, 'rps_fractional=100,application_utilization=0.5');
    clock.advance(20_000);
    expect(now()[0]).toBe(200);
    clock.advance(1000);
    expect(now()[0]).toBe(1);
    report(0, 'rps_fractional=100,application_utilization=0.5');
    clock.advance(9000);
    expect(now()[0]).toBe(1);
    clock.advance(1000);
    expect(now()[0]).toBe(200);
  });

  test.each([
    ['errors cost', 'rps_fractional=100,eps=10,application_utilization=0.4', {}, 200],
    ['as much as they are told to', 'rps_fractional=100,eps=10,application_utilization=0.3', { errorPenalty: 2 }, 200],
    [
      'the named metrics, the greatest',
      'rps_fractional=90,named_metrics.a=0.1,named_metrics.b=0.3',
      { metricNames: ['named_metrics.a', 'named_metrics.b'] },
      300,
    ],
    ['the processor last', 'rps_fractional=90,cpu_utilization=0.9', { metricNames: ['named_metrics.a'] }, 100],
    ['no requests, no weight', 'cpu_utilization=0.9', {}, 1],
    ['no utilization, no weight', 'rps_fractional=90', {}, 1],
    ['rounded down', 'rps_fractional=10,cpu_utilization=0.3', {}, 33],
  ])('%s', (_name, text, more, weight) => {
    const { clock, report, now } = rig({ blackoutMs: 0, ...more });
    report(0, text);
    clock.advance(1000);
    expect(now()[0]).toBe(weight);
  });

  test('it is over when the cluster is', () => {
    const { clock, weights, changes } = rig();
    weights.stop();
    clock.advance(10_000);
    expect(changes()).toBe(0);
    expect(clock.armed).toBe(0);
  });
});
