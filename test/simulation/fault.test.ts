/** The fault filter inside the connection manager, on simulated time and seeded chance. */
import { describe, expect, test } from 'vitest';
import { createFault } from '../../src/filters/http/fault/filter.ts';
import type { FaultSettings } from '../../src/filters/http/fault/settings.ts';
import { ResetReason } from '../../src/http/reset-reason.ts';
import { HcmRig } from '../support/hcm-rig.ts';

const PERCENT = { numerator: 100, denominator: 100 };

const SETTINGS: FaultSettings = {
  delay: null,
  abort: null,
  rateLimit: null,
  upstreamCluster: '',
  downstreamNodes: [],
  headers: [],
  maxActiveFaults: Number.POSITIVE_INFINITY,
  keys: {
    delayPercent: '',
    delayDuration: '',
    abortPercent: '',
    abortHttpStatus: '',
    abortGrpcStatus: '',
    rateLimitPercent: '',
    maxActiveFaults: '',
  },
  downstreamClusterStats: true,
  metadata: {},
  place: 'here',
};

const abort = (numerator: number, denominator: number): FaultSettings['abort'] => ({
  httpStatus: 503,
  grpcStatus: -1,
  byHeader: false,
  percentage: { numerator, denominator },
  body: 'fault filter abort',
});

const rig = (settings: Partial<FaultSettings>) => new HcmRig({ filter: (deps) => createFault({ ...SETTINGS, ...settings }, deps) });

describe('shares', () => {
  test.each([
    [10, 100, 5_000],
    [125, 10_000, 10_000],
    [5_000, 1_000_000, 20_000],
  ])('%i of %i, within five standard deviations of %i requests', (numerator, denominator, requests) => {
    const r = rig({ abort: abort(numerator, denominator) });
    for (let i = 0; i < requests; i++) {
      const stream = r.request();
      if (stream.status === 0) r.backend.respond();
      r.backends.length = 0;
    }
    const share = numerator / denominator;
    const injected = r.stats.value('http.p.fault.aborts_injected');
    expect(Math.abs(injected - requests * share)).toBeLessThan(5 * Math.sqrt(requests * share * (1 - share)));
    expect(r.stats.value('http.p.fault.active_faults')).toBe(0);
  });

  test('delay and abort are drawn apart from each other', () => {
    const half = { numerator: 50, denominator: 100 };
    const r = rig({ delay: { fixedMs: 10, percentage: half }, abort: abort(50, 100) });
    const seen = new Map<string, number>();
    for (let i = 0; i < 2000; i++) {
      const stream = r.request();
      r.clock.advance(20);
      if (stream.status === 0) r.backend.respond();
      const { code, flags } = r.log.at(-1)!;
      seen.set(`${code} ${flags}`, (seen.get(`${code} ${flags}`) ?? 0) + 1);
    }
    for (const outcome of ['200 ', '200 DI', '503 FI', '503 DI,FI']) {
      expect(seen.get(outcome)).toBeGreaterThan(400);
      expect(seen.get(outcome)).toBeLessThan(600);
    }
  });
});

describe('delay', () => {
  const delayed = (ms: number) => rig({ delay: { fixedMs: ms, percentage: PERCENT } });

  test('holds the request, body and all, for its time', () => {
    const r = delayed(500);
    const stream = r.request({}, { method: 'POST', end: false });
    stream.data('half').data(' and half', true);
    r.clock.advance(490);
    expect(r.backends.at(-1)?.headers ?? null).toBeNull();
    expect(r.stats.value('http.p.fault.active_faults')).toBe(1);
    r.clock.advance(20);
    expect(r.backend.body).toBe('half and half');
    expect(r.backend.complete).toBe(true);
    r.backend.respond(200, {}, 'ok');
    expect([stream.status, r.log.at(-1)?.flags]).toEqual([200, 'DI']);
    expect(r.stats.value('http.p.fault.active_faults')).toBe(0);
  });

  test('a client that goes away takes its fault and its timer along', () => {
    const r = delayed(500);
    const stream = r.request();
    stream.decoder.onRequestReset(ResetReason.ConnectionTermination, '');
    expect(r.stats.value('http.p.fault.active_faults')).toBe(0);
    r.clock.advance(1000);
    expect(r.backends.at(-1)?.headers ?? null).toBeNull();
  });

  test('at most so many at once; more pass undelayed, and are counted', () => {
    const r = rig({ delay: { fixedMs: 1000, percentage: PERCENT }, maxActiveFaults: 3 });
    const streams = Array.from({ length: 10 }, () => r.request());
    expect(r.backends.filter((backend) => backend.headers !== null).length).toBe(7);
    expect(r.stats.value('http.p.fault.faults_overflow')).toBe(7);
    expect(r.stats.value('http.p.fault.active_faults')).toBe(3);
    r.clock.advance(1100);
    for (const backend of r.backends) backend.respond();
    expect(streams.every((stream) => stream.status === 200)).toBe(true);
    expect(r.stats.value('http.p.fault.active_faults')).toBe(0);
    r.request();
    expect(r.stats.value('http.p.fault.delays_injected')).toBe(4);
  });
});

describe('a slow response', () => {
  const slow = (kbps: number) => rig({ rateLimit: { kbps, percentage: PERCENT } });

  test('goes at its rate from the first byte on', () => {
    const r = slow(10);
    const stream = r.request();
    const body = 'x'.repeat(20_480);
    r.backend.respond(200, {}, body);
    const early = stream.encoder.body.length;
    expect(early).toBeLessThanOrEqual(512);
    for (let ms = 100; ms <= 1900; ms += 100) {
      r.clock.advance(100);
      expect(stream.encoder.body.length).toBeLessThanOrEqual(512 + 10.24 * ms);
      expect(stream.encoder.body.length).toBeGreaterThan(10.24 * (ms - 70));
    }
    r.clock.advance(300);
    expect(stream.encoder.body).toBe(body);
    expect(stream.encoder.ends).toBe(1);
    expect(r.stats.value('http.p.fault.response_rl_injected')).toBe(1);
  });

  test('holds the upstream back while much is kept', () => {
    const r = new HcmRig({
      bufferLimit: 1000,
      filter: (deps) => createFault({ ...SETTINGS, rateLimit: { kbps: 10, percentage: PERCENT } }, deps),
    });
    const stream = r.request();
    let held = 0;
    r.backend.stream!.setWatermarkListener({
      onDownstreamAboveHighWatermark: () => void held++,
      onDownstreamBelowLowWatermark: () => void held--,
    });
    r.backend.respond(200, {}, 'x'.repeat(3000));
    expect(held).toBe(1);
    r.clock.advance(150);
    expect(held).toBe(1);
    r.clock.advance(250);
    expect(held).toBe(0);
    expect(stream.encoder.ends).toBe(1);
  });
});
