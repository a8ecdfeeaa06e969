/**
 * `node bench/micro/tracing.ts`: what tracing costs a request on its worker: the decision, the span, the headers that go upstream, and for those that
 * are sampled the tags and the report. Bar: 2 µs for a request that is not sampled.
 */
import { noConnection } from '../../src/filters/http/router/async-client.ts';
import { RequestHeaders } from '../../src/http/header-map.ts';
import { StreamInfo } from '../../src/http/stream-info.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { OpenTelemetryTracer } from '../../src/tracing/opentelemetry/tracer.ts';
import { RequestTracing } from '../../src/tracing/request-tracing.ts';
import type { OpenTelemetrySettings, TracingSettings, ZipkinSettings } from '../../src/tracing/settings.ts';
import type { Tracer } from '../../src/tracing/span.ts';
import { ZipkinTracer } from '../../src/tracing/zipkin/tracer.ts';
import { PlainStats } from '../../test/support/plain-stats.ts';

const REQUESTS = 50_000;
const ROUNDS = 5;

const clock = new SimulatedClock();
const random = seededRandom(7);
const runtime = new StaticRuntime(new Map());
const scope = new PlainStats();
const client = {
  post(
    _cluster: string,
    _headers: RequestHeaders,
    _body: Buffer,
    _timeoutMs: number,
    answer: { onAnswer(status: number, grpc: number): void },
  ) {
    answer.onAnswer(202, 0);
    return true;
  },
};
const common = { clock, runtime, random, rootScope: scope, client };
const share = (numerator: number) => ({ runtimeKey: 'none', numerator, denominator: 100 });
const settings = (sampled: boolean): TracingSettings => ({
  ...{ provider: null, sampling: { client: share(100), random: share(sampled ? 100 : 0), overall: share(100) }, verbose: false },
  ...{ maxPathTagLength: 256, customTags: [], spawnUpstreamSpan: false, operation: '', upstreamOperation: '' },
  ...{ useRequestIdForSampling: true, noContextPropagation: false },
});
const ZIPKIN: ZipkinSettings = {
  ...{ kind: 'zipkin', cluster: 'c', path: '/api/v2/spans', authority: 'c', format: 'json', timeoutMs: 0, headers: [] },
  ...{ traceId128: true, timestampTraceIds: false, sharedSpanContext: true, splitSpans: false, w3c: false },
};
const OTEL: OpenTelemetrySettings = {
  ...{ kind: 'opentelemetry', protocol: 'grpc', cluster: 'c', path: '/x', authority: 'c', timeoutMs: 0, headers: [], maxCacheSize: 1024 },
  ...{ resource: [['service.name', 'shop']], sdkAttributes: true, instrumentationScope: true, sampler: null },
};

const TRACE = '463ac35c9f6413ad48485a3953bb6124';
const SPAN = 'a2fb4a1d1a96d312';
const NOTHING: readonly (readonly [string, string])[] = [];
const B3 = [
  ['x-b3-traceid', TRACE],
  ['x-b3-spanid', SPAN],
  ['x-b3-sampled', '0'],
] as const;

function request(tracing: RequestTracing, came: readonly (readonly [string, string])[], kept: boolean): void {
  const headers = new RequestHeaders('GET', '/products/42?currency=EUR', 'shop.test', 'http');
  headers.add('user-agent', 'bench');
  headers.add('x-request-id', '12345678-1234-4234-8234-123456789abc');
  for (let i = 0; i < came.length; i++) headers.add(came[i]![0], came[i]![1]);
  const info = new StreamInfo(CONNECTION, 0, 1_700_000_000_000, 1);
  info.requestHeaders = headers;
  if (!kept) return;
  tracing.begin(headers, info, null);
  const { trace } = info;
  if (trace === null) return;
  trace.inject(headers);
  trace.finish(info);
}

const CONNECTION = noConnection();

/** Processor time in µs: other work on the machine does not count. */
function measure(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < REQUESTS; i++) run();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / REQUESTS);
  }
  return best;
}

const release = (): void => undefined;
const environment = { clock, random, hostname: 'h', variable: () => undefined };
const deps = { clock, random, runtime, format: environment, localInfo: { nodeId: 'n', zone: 'z' }, scope, release };
const tracing = (tracer: Tracer, sampled: boolean): RequestTracing => new RequestTracing(settings(sampled), tracer, true, deps);
const zipkin = new ZipkinTracer(ZIPKIN, { ...common, endpoint: { serviceName: 's', ip: '10.0.0.1' } });
const otel = new OpenTelemetryTracer(OTEL, { ...common, version: '1' });

const CASES: readonly (readonly [string, RequestTracing, readonly (readonly [string, string])[]])[] = [
  ['Zipkin, not sampled', tracing(zipkin, false), NOTHING],
  ['Zipkin, not sampled, part of a trace', tracing(zipkin, false), B3],
  ['Zipkin, sampled', tracing(zipkin, true), NOTHING],
  ['OpenTelemetry, not sampled', tracing(otel, false), NOTHING],
  ['OpenTelemetry, not sampled, part of a trace', tracing(otel, false), [['traceparent', `00-${TRACE}-${SPAN}-00`]]],
  ['OpenTelemetry, sampled', tracing(otel, true), NOTHING],
];

for (const [name, by, came] of CASES) {
  const without = measure(() => request(by, came, false));
  const whole = measure(() => request(by, came, true));
  console.log(`${name.padEnd(46)} ${(whole - without).toFixed(2)} µs`);
}
