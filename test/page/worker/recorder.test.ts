/** What a worker remembers of requests: a bounded number of failed and slow ones, and counts only while somebody looks. */
import { describe, expect, test } from 'vitest';
import type { ClusterManager } from '../../../src/cluster/api.ts';
import { RequestWatch } from '../../../src/filters/request-watch.ts';
import { RequestHeaders } from '../../../src/http/header-map.ts';
import { Flag } from '../../../src/http/response-flags.ts';
import { type ConnectionInfo, StreamInfo } from '../../../src/http/stream-info.ts';
import { ipAddress } from '../../../src/net/address.ts';
import { Recorder } from '../../../src/page/worker/recorder.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';

const ORIGIN = { routeTable: () => null, settings: { streamIdleTimeoutMs: 0 } };
const clusters = { get: () => null } as unknown as ClusterManager;
const address = ipAddress('10.0.0.1', 80);
const HOST = { address, hostname: '', metadata: null };
const connection = { listenerName: 'front', remoteAddress: address } as unknown as ConnectionInfo;

function ended(clock: SimulatedClock, code: number, durationMs = 1, flags = 0): StreamInfo {
  const info = new StreamInfo(connection, clock.nowMs() - durationMs, clock.wallMs() - durationMs, 0);
  info.requestHeaders = new RequestHeaders();
  info.requestHeaders.method = 'GET';
  info.requestHeaders.path = '/a?token=secret';
  info.requestHeaders.authority = 'shop';
  info.responseCode = code;
  info.flags = flags;
  info.endMs = clock.nowMs();
  info.upstreamCluster = 'web';
  info.upstreamHost = HOST;
  info.firstUpstreamTxMs = info.startMs;
  info.lastUpstreamRxMs = info.endMs;
  return info;
}

function recorder(clock: SimulatedClock): Recorder {
  return new Recorder(1000, { worker: 0, clock, clusters, nearest: () => null });
}

describe('what is noted', () => {
  const clock = new SimulatedClock();
  clock.advance(100_000);
  const noted = (code: number, durationMs = 1, flags = 0) => {
    const r = recorder(clock);
    r.ended(ended(clock, code, durationMs, flags), null, ORIGIN);
    return r.take().requests.map(({ why }) => why);
  };

  test.each([
    ['200', [200], []],
    ['404 without a flag', [404], []],
    ['503', [503], ['failed']],
    ['no answer', [0], ['failed']],
    ['a flag', [404, 1, Flag.NR], ['failed']],
    ['an answer of the cache', [200, 1, Flag.RFCF], []],
    ['a delay that was injected', [200, 1500, Flag.DI], ['slow']],
    ['slower than the limit', [200, 1001], ['slow']],
    ['as slow as the limit', [200, 1000], []],
    ['an open tunnel', [101, 60_000], []],
  ] as const)('%s', (_, args, expected) => {
    expect(noted(...(args as unknown as [number, number?, number?]))).toEqual(expected);
  });

  test('no secrets of the query', () => {
    const r = recorder(clock);
    r.ended(ended(clock, 503), null, ORIGIN);
    const sample = r.take();
    expect(sample.requests[0]).toMatchObject({ path: '/a', host: '10.0.0.1:80', cluster: 'web', listener: 'front', code: 503 });
    expect(JSON.stringify(sample)).not.toContain('secret');
  });
});

describe('connections', () => {
  const clock = new SimulatedClock();
  clock.advance(100_000);
  const tcp = { ...connection, requestedServerName: '', localAddress: ipAddress('10.9.9.9', 3306) } as ConnectionInfo;

  function closed(lastedMs: number, connectedMs: number, flags = 0): StreamInfo {
    const info = new StreamInfo(tcp, clock.nowMs() - lastedMs, clock.wallMs() - lastedMs, 0);
    info.flags = flags;
    info.endMs = clock.nowMs();
    if (connectedMs >= 0) info.poolReadyMs = info.startMs + connectedMs;
    return info;
  }

  test.each([
    ['one that was open for long', closed(60_000, 2), []],
    ['one that was open as long as it may', closed(60_000, 2, Flag.DT), []],
    ['one that waited long for its host', closed(60_000, 1500), ['slow']],
    ['one that found nobody', closed(5, -1, Flag.UF), ['failed']],
    ['one that was reset', closed(500, 1, Flag.UR), ['failed']],
  ] as const)('%s', async (_, info, expected) => {
    const r = recorder(clock);
    // As the filter tells it, while somebody looks and while nobody does.
    for (const limit of [-1, 1000]) new RequestWatch(limit, async () => r).connectionEnded(info, 'db');
    await new Promise((resolve) => setImmediate(resolve));
    expect(r.take().requests.map(({ why }) => why)).toEqual([...expected, ...expected]);
  });

  test('are told by whom they were for', () => {
    const r = recorder(clock);
    r.connectionEnded(closed(5, -1, Flag.NC), 'db');
    expect(r.take().requests[0]).toMatchObject({
      ...{ protocol: 'TCP', method: '', authority: '10.9.9.9:3306', cluster: 'db', code: 0, flags: ['NC'] },
      ...{ durationMs: 5, phases: { connectMs: null }, facts: { missingCluster: 'db', route: null } },
    });
    r.connectionEnded(closed(9000, 1500.25), 'db');
    expect(r.take().requests[0]).toMatchObject({ why: 'slow', phases: { connectMs: 1500.3 }, flags: [] });
  });
});

describe('bounds', () => {
  test('a flood of failures costs 50 notes a second, and is counted', () => {
    const clock = new SimulatedClock();
    const r = recorder(clock);
    for (let i = 0; i < 1000; i++) r.ended(ended(clock, 503), null, ORIGIN);
    for (let i = 0; i < 20; i++) r.ended(ended(clock, 200, 5000), null, ORIGIN);
    const { requests, left } = r.take();
    expect(requests.filter(({ why }) => why === 'failed')).toHaveLength(50);
    expect(requests.filter(({ why }) => why === 'slow')).toHaveLength(5);
    expect(left).toBe(950 + 15);
    expect(r.take()).toMatchObject({ requests: [], left: 0 });
  });

  test('that nobody fetches: the last 256 at most', () => {
    const clock = new SimulatedClock();
    const r = recorder(clock);
    for (let second = 0; second < 100; second++) {
      for (let i = 0; i < 10; i++) r.ended(ended(clock, 503), null, ORIGIN);
      clock.advance(1000);
    }
    const { requests } = r.take();
    expect(requests.length).toBeGreaterThanOrEqual(128);
    expect(requests.length).toBeLessThanOrEqual(256);
    expect(requests.at(-1)!.wallMs).toBeGreaterThan(clock.wallMs() - 2000);
  });

  test('more ways than are told apart: counting begins anew, with other numbers', () => {
    const clock = new SimulatedClock();
    const r = recorder(clock);
    r.count(true, false);
    for (let i = 0; i < 5000; i++) {
      const info = ended(clock, 200);
      info.upstreamHost = { address: ipAddress('10.0.0.1', i + 1), hostname: '', metadata: null };
      r.ended(info, null, ORIGIN);
    }
    const first = r.take().paths!;
    expect(first.paths).toHaveLength(4096);
    r.ended(ended(clock, 200), null, ORIGIN);
    const second = r.take().paths!;
    expect(second.epoch).not.toBe(first.epoch);
    expect(second.paths).toHaveLength(1);
  });
});

describe('counting', () => {
  test('is off until asked for, and tells what has moved since', () => {
    const clock = new SimulatedClock();
    const r = recorder(clock);
    r.ended(ended(clock, 200), null, ORIGIN);
    expect(r.take().paths).toBeNull();
    r.count(true, false);
    r.ended(ended(clock, 200, 3), null, ORIGIN);
    r.ended(ended(clock, 503, 3), null, ORIGIN);
    const { paths, moved } = r.take().paths!;
    expect(paths).toEqual([expect.objectContaining({ listener: 'front', cluster: 'web', host: '10.0.0.1:80', shadow: false })]);
    // Number, requests, failures, those by gRPC status alone; one bin with two durations, twice.
    expect([...moved.subarray(0, 5)]).toEqual([0, 2, 1, 0, 1]);
    expect(moved[6]).toBe(2);
    r.ended(ended(clock, 200, 3), null, ORIGIN);
    const later = r.take().paths!;
    expect(later.paths).toEqual([]);
    expect([...later.moved.subarray(0, 4)]).toEqual([0, 1, 0, 0]);
    expect(r.take().paths!.moved).toHaveLength(0);
  });
});

describe('the watch', () => {
  test('loads the recorder with the first request that is worth it, and loses none meanwhile', async () => {
    const clock = new SimulatedClock();
    const r = recorder(clock);
    let loads = 0;
    const watch = new RequestWatch(1000, async () => {
      loads++;
      return r;
    });
    watch.ended(ended(clock, 200), null, ORIGIN);
    expect(loads).toBe(0);
    watch.ended(ended(clock, 503), null, ORIGIN);
    watch.ended(ended(clock, 0), null, ORIGIN);
    expect(loads).toBe(1);
    await watch.recorder();
    expect(r.take().requests.map(({ code }) => code)).toEqual([503, 0]);
    watch.ended(ended(clock, 200, 1001), null, ORIGIN);
    expect(r.take().requests.map(({ why }) => why)).toEqual(['slow']);
  });
});
