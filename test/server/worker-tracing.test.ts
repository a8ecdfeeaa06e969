/** One tracer for whatever is configured alike, as long as a connection manager traces with it; the bootstrap's for those that name none. */
import { beforeEach, describe, expect, test } from 'vitest';
import { noConnection } from '../../src/filters/http/router/async-client.ts';
import { RequestHeaders } from '../../src/http/header-map.ts';
import { StreamInfo } from '../../src/http/stream-info.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { WorkerTracing } from '../../src/server/worker-tracing.ts';
import type { RequestTracing } from '../../src/tracing/request-tracing.ts';
import type { TracingSettings, ZipkinSettings } from '../../src/tracing/settings.ts';
import { ListenerRig } from '../support/listener-rig.ts';

const ALL = { runtimeKey: 'none', numerator: 100, denominator: 100 };

const zipkin = (cluster: string): ZipkinSettings => ({
  ...{ kind: 'zipkin', cluster, path: '/api/v2/spans', authority: cluster, format: 'json', timeoutMs: 0, headers: [] },
  ...{ traceId128: false, timestampTraceIds: false, sharedSpanContext: true, splitSpans: false, w3c: false },
});

const tracing = (provider: ZipkinSettings | null): TracingSettings => ({
  ...{ provider, sampling: { client: ALL, random: ALL, overall: ALL }, verbose: false, maxPathTagLength: 256, customTags: [] },
  ...{ spawnUpstreamSpan: false, operation: '', upstreamOperation: '', useRequestIdForSampling: false, noContextPropagation: false },
});

let clock: SimulatedClock;
let rig: ListenerRig;

beforeEach(() => {
  clock = new SimulatedClock();
  rig = new ListenerRig({ clock });
});

/** @returns what the upstream would be told */
function request(by: RequestTracing): RequestHeaders {
  const headers = new RequestHeaders('GET', '/', 'host', 'http');
  const info = new StreamInfo(noConnection(), clock.nowMs(), clock.wallMs(), 1);
  info.requestHeaders = headers;
  by.begin(headers, info, null);
  info.trace?.inject(headers);
  info.trace?.finish(info);
  return headers;
}

const sent = (): number => rig.stats.value('tracing.zipkin.spans_sent');

describe('tracers', () => {
  test('are shared, and gone with the last that used them: what has gathered is sent then', () => {
    const worker = new WorkerTracing(rig.filterDeps, null);
    const first = worker.requestTracing(tracing(zipkin('c')), rig.stats, true);
    const second = worker.requestTracing(tracing(zipkin('c')), rig.stats, true);
    const other = worker.requestTracing(tracing(zipkin('d')), rig.stats, true);
    expect(worker.tracers).toBe(2);
    request(first);
    request(second);
    first.close();
    expect([worker.tracers, sent()]).toEqual([2, 0]);
    second.close();
    expect([worker.tracers, sent()]).toEqual([1, 2]);
    // Nothing is left that would fire.
    clock.advance(60_000);
    expect(rig.stats.value('tracing.zipkin.timer_flushed')).toBe(0);
    other.close();
    expect(worker.tracers).toBe(0);
  });

  test('a provider that comes back is made anew', () => {
    const worker = new WorkerTracing(rig.filterDeps, null);
    worker.requestTracing(tracing(zipkin('c')), rig.stats, true).close();
    const again = worker.requestTracing(tracing(zipkin('c')), rig.stats, true);
    request(again);
    clock.advance(5010);
    expect(sent()).toBe(1);
  });

  test('of the bootstrap serve those that name none', () => {
    const worker = new WorkerTracing(rig.filterDeps, { ...zipkin('c'), traceId128: true });
    const byDefault = request(worker.requestTracing(tracing(null), rig.stats, true));
    expect(byDefault.get('x-b3-traceid')).toHaveLength(32);
    expect(request(worker.requestTracing(tracing(zipkin('c')), rig.stats, true)).get('x-b3-traceid')).toHaveLength(16);
  });

  test('without any only the decision is made', () => {
    const worker = new WorkerTracing(rig.filterDeps, null);
    const nobody = worker.requestTracing(tracing(null), rig.stats, true);
    expect(request(nobody).has('x-b3-traceid')).toBe(false);
    expect(rig.stats.value('tracing.random_sampling')).toBe(1);
    nobody.close();
  });
});
