/** The bandwidth_limit filter inside the connection manager, on simulated time. */
import { expect, test } from 'vitest';
import type { BandwidthLimitSettings } from '../../src/filters/http/bandwidth-limit/config.ts';
import { createBandwidthLimit } from '../../src/filters/http/bandwidth-limit/filter.ts';
import { HcmRig } from '../support/hcm-rig.ts';

const SETTINGS: BandwidthLimitSettings = {
  statPrefix: 'bw',
  request: true,
  response: true,
  limitKbps: 10,
  fillIntervalMs: 50,
  runtimeKey: '',
  enabled: true,
  responseTrailers: false,
  trailerPrefix: '',
  place: 'here',
};

const rig = (settings: Partial<BandwidthLimitSettings> = {}) =>
  new HcmRig({ filter: (deps) => createBandwidthLimit({ ...SETTINGS, ...settings }, deps) });

test('all streams together, in both directions, get the rate and a second of burst', () => {
  const r = rig();
  const streams = Array.from({ length: 4 }, () => {
    const stream = r.request({}, { method: 'POST', end: false });
    stream.data('q'.repeat(8_000), true);
    r.backend.respond(200, {}, 'r'.repeat(12_000));
    return stream;
  });
  const passed = () =>
    r.backends.reduce((sum, backend) => sum + backend.body.length, 0) +
    streams.reduce((sum, stream) => sum + stream.encoder.body.length, 0);
  for (let ms = 0; ms <= 6000; ms += 50) {
    expect(passed()).toBeLessThanOrEqual(10_240 + 10.24 * ms + 1);
    r.clock.advance(50);
  }
  r.clock.advance(4000);
  expect(passed()).toBe(80_000);
  expect(streams.every((stream) => stream.encoder.ends === 1)).toBe(true);
  expect(r.stats.value('bw.http_bandwidth_limit.request_allowed_total_size')).toBe(32_000);
  expect(r.stats.value('bw.http_bandwidth_limit.response_incoming_total_size')).toBe(48_000);
  expect([r.stats.value('bw.http_bandwidth_limit.request_pending'), r.stats.value('bw.http_bandwidth_limit.response_pending')]).toEqual([
    0, 0,
  ]);
  expect(r.stats.recorded.get('bw.http_bandwidth_limit.response_transfer_duration')?.length).toBe(4);
});

test('trailers tell how long each direction took, and waited', () => {
  const r = rig({ responseTrailers: true, trailerPrefix: 'my-' });
  const stream = r.request({}, { method: 'POST', end: false });
  stream.data('q'.repeat(11_264), true);
  r.clock.advance(200);
  r.backend.respond(200, {}, 'r'.repeat(2_048));
  r.clock.advance(400);
  const trailers = stream.encoder.trailers!;
  expect(trailers.names).toEqual([
    'my-bandwidth-request-delay-ms',
    'my-bandwidth-request-filter-delay-ms',
    'my-bandwidth-response-delay-ms',
    'my-bandwidth-response-filter-delay-ms',
  ]);
  expect(Number(trailers.get('my-bandwidth-request-filter-delay-ms'))).toBe(100);
  expect(Number(trailers.get('my-bandwidth-response-delay-ms'))).toBeGreaterThanOrEqual(100);
  expect(stream.encoder.body.length).toBe(2_048);
});

test('a stream that is given up is pending no more', () => {
  const r = rig();
  const stream = r.request();
  r.backend.respond(200, {}, 'r'.repeat(50_000));
  expect(r.stats.value('bw.http_bandwidth_limit.response_pending')).toBe(1);
  stream.decoder.onRequestReset(2, '');
  expect(r.stats.value('bw.http_bandwidth_limit.response_pending')).toBe(0);
});
