/** envoy.tracers.zipkin: B3 contexts, and spans to a Zipkin collector. Source: Envoy's zipkin::Tracer, Driver and ReporterImpl. */
import { RequestHeaders } from '../../http/header-map.ts';
import type { Random } from '../../runtime/random.ts';
import type { Counter, StatsScope } from '../../stats/scope.ts';
import { B3Context, injectB3 } from '../b3.ts';
import { type CollectorDeps, type CollectorFormat, SpanCollector } from '../collector.ts';
import { hex32, newId } from '../ids.ts';
import type { ZipkinSettings } from '../settings.ts';
import { Span, type SpanOrigin, type Tracer } from '../span.ts';
import { encodeZipkinJson, encodeZipkinProto, type ZipkinEndpoint } from './format.ts';

export interface ZipkinDeps extends CollectorDeps {
  readonly random: Random;
  readonly rootScope: StatsScope;
  readonly endpoint: ZipkinEndpoint;
}

const MAX_PENDING = 1024;
/** What Zipkin answers when it has taken a report. */
const ACCEPTED = 202;

export class ZipkinTracer implements Tracer {
  readonly collector: SpanCollector;
  readonly tellsSpanIds = false;
  readonly #settings: ZipkinSettings;
  readonly #random: Random;
  readonly #context = new B3Context();

  constructor(settings: ZipkinSettings, deps: ZipkinDeps) {
    this.#settings = settings;
    this.#random = deps.random;
    const { cluster, timeoutMs } = settings;
    const collector = { cluster, timeoutMs, runtimePrefix: 'tracing.zipkin', maxPending: MAX_PENDING };
    this.collector = new SpanCollector(collector, new ZipkinReports(settings, deps), deps);
  }

  start(headers: RequestHeaders, origin: SpanOrigin, startMs: number, traced: boolean): Span | null {
    const settings = this.#settings;
    const context = this.#context;
    context.read(headers, settings.w3c);
    if (context.invalid) return null;
    const sampled = context.sampled < 0 ? traced : context.sampled === 1;
    const name = headers.authority;
    const kind = origin.egress && !origin.spawnsUpstream && !settings.splitSpans ? 'CLIENT' : 'SERVER';
    let id = newId(this.#random);
    if (!context.found)
      return new Span(this, kind, this.#newTraceId(id, startMs), id, '', sampled, false, context.single, '', name, startMs);
    let parentId = context.spanId;
    if (kind === 'SERVER' && settings.sharedSpanContext) {
      // Both ends of the call are one span.
      id = context.spanId;
      parentId = context.parentId;
    }
    return new Span(this, kind, context.traceId, id, parentId, sampled, true, context.single, '', name, startMs);
  }

  startChild(parent: Span, name: string, startMs: number, sampled = parent.sampled): Span {
    const id = newId(this.#random);
    return new Span(this, 'CLIENT', parent.traceId, id, parent.id, sampled, false, parent.singleB3, '', name, startMs);
  }

  inject(span: Span, headers: RequestHeaders): void {
    injectB3(span, headers, this.#settings.w3c);
  }

  report(span: Span): void {
    this.collector.add(span);
  }

  #newTraceId(spanId: string, startMs: number): string {
    if (!this.#settings.traceId128) return spanId;
    if (!this.#settings.timestampTraceIds) return newId(this.#random) + spanId;
    return hex32(Math.floor(startMs / 1000) >>> 0) + hex32(this.#random.nextU32()) + spanId;
  }
}

class ZipkinReports implements CollectorFormat {
  readonly #settings: ZipkinSettings;
  readonly #endpoint: ZipkinEndpoint;
  readonly #spansSent: Counter;
  readonly #timerFlushed: Counter;
  readonly #skippedNoCluster: Counter;
  readonly #sent: Counter;
  readonly #dropped: Counter;
  readonly #failed: Counter;

  constructor(settings: ZipkinSettings, deps: ZipkinDeps) {
    this.#settings = settings;
    this.#endpoint = deps.endpoint;
    const scope = deps.rootScope.scope('tracing.zipkin');
    this.#spansSent = scope.counter('spans_sent');
    this.#timerFlushed = scope.counter('timer_flushed');
    this.#skippedNoCluster = scope.counter('reports_skipped_no_cluster');
    this.#sent = scope.counter('reports_sent');
    this.#dropped = scope.counter('reports_dropped');
    this.#failed = scope.counter('reports_failed');
  }

  requestHeaders(): RequestHeaders {
    const { path, authority, format, headers: added } = this.#settings;
    const headers = new RequestHeaders('POST', path, authority, 'http');
    headers.add('content-type', format === 'json' ? 'application/json' : 'application/x-protobuf');
    for (const [name, value] of added) headers.append(name, value);
    return headers;
  }

  encode(spans: readonly Span[]): Buffer {
    const options = { endpoint: this.#endpoint, sharedSpanContext: this.#settings.sharedSpanContext };
    return this.#settings.format === 'json' ? encodeZipkinJson(spans, options) : encodeZipkinProto(spans, options);
  }

  onSent(spans: number): void {
    this.#spansSent.add(spans);
  }
  onTimerFlush(): void {
    this.#timerFlushed.inc();
  }
  onNoCluster(): void {
    this.#skippedNoCluster.inc();
  }
  onAnswer(status: number): void {
    (status === ACCEPTED ? this.#sent : this.#dropped).inc();
  }
  onFailure(): void {
    this.#failed.inc();
  }
  onDropped(): void {
    this.#dropped.inc();
  }
}
