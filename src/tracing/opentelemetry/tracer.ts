/** envoy.tracers.opentelemetry: W3C contexts, and spans over OTLP. Source: Envoy's OpenTelemetry Tracer, Driver and OpenTelemetryHttpTraceExporter. */
import { RequestHeaders } from '../../http/header-map.ts';
import type { Random } from '../../runtime/random.ts';
import type { Counter, StatsScope } from '../../stats/scope.ts';
import { type CollectorDeps, type CollectorFormat, SpanCollector } from '../collector.ts';
import { newId } from '../ids.ts';
import type { OpenTelemetrySettings, OtelSamplerSettings } from '../settings.ts';
import { Span, type SpanOrigin, type Tracer } from '../span.ts';
import { injectTraceParent, replaceHeader, TraceParent } from '../w3c.ts';
import { encodeOtlp, type OtlpSource, otlpSource } from './format.ts';

export interface OpenTelemetryDeps extends CollectorDeps {
  readonly random: Random;
  readonly rootScope: StatsScope;
  /** The proxy's own. */
  readonly version: string;
}

export class OpenTelemetryTracer implements Tracer {
  readonly collector: SpanCollector;
  readonly tellsSpanIds = true;
  readonly #settings: OpenTelemetrySettings;
  readonly #random: Random;
  readonly #parent = new TraceParent();

  constructor(settings: OpenTelemetrySettings, deps: OpenTelemetryDeps) {
    this.#settings = settings;
    this.#random = deps.random;
    const { cluster, timeoutMs, maxCacheSize } = settings;
    const collector = { cluster, timeoutMs, runtimePrefix: 'tracing.opentelemetry', maxPending: maxCacheSize };
    this.collector = new SpanCollector(collector, new OtlpReports(settings, deps), deps);
  }

  start(headers: RequestHeaders, origin: SpanOrigin, startMs: number, traced: boolean): Span | null {
    const kind = origin.egress && !origin.spawnsUpstream ? 'CLIENT' : 'SERVER';
    const name = origin.egress ? 'egress ' + headers.authority : 'ingress';
    const id = newId(this.#random);
    const { sampler } = this.#settings;
    const given = headers.get('traceparent');
    if (given === undefined) {
      const traceId = newId(this.#random) + newId(this.#random);
      const sampled = traced && (sampler === null || samples(sampler, traceId, null));
      return new Span(this, kind, traceId, id, '', sampled, false, false, '', name, startMs);
    }
    const parent = this.#parent;
    if (!parent.parse(given)) return null;
    // A sampler, or the parent, is asked about those alone that the connection manager wants traced.
    const sampled = traced && (sampler === null ? parent.sampled : samples(sampler, parent.traceId, parent.sampled));
    const traceState = headers.joined('tracestate') ?? '';
    return new Span(this, kind, parent.traceId, id, parent.spanId, sampled, true, false, traceState, name, startMs);
  }

  startChild(parent: Span, name: string, startMs: number, sampled = parent.sampled): Span {
    const { traceId, traceState } = parent;
    return new Span(this, 'CLIENT', traceId, newId(this.#random), parent.id, sampled, false, false, traceState, name, startMs);
  }

  inject(span: Span, headers: RequestHeaders): void {
    injectTraceParent(headers, span.traceId, span.id, span.sampled);
    // Also where it is empty, as in Envoy.
    replaceHeader(headers, 'tracestate', span.traceState);
  }

  report(span: Span): void {
    this.collector.add(span);
  }
}

/** @param parent whether the parent is sampled; null = there is none */
function samples(sampler: OtelSamplerSettings, traceId: string, parent: boolean | null): boolean {
  switch (sampler.kind) {
    case 'always_on':
      return true;
    case 'ratio':
      // The last 56 bits are random in every valid trace id (W3C Trace Context level 2); 32 of them are more than the share can tell apart.
      return Number.parseInt(traceId.slice(24), 16) < (sampler.numerator / sampler.denominator) * 0x1_0000_0000;
    case 'parent_based':
      return parent ?? samples(sampler.root, traceId, null);
  }
}

class OtlpReports implements CollectorFormat {
  readonly #settings: OpenTelemetrySettings;
  readonly #source: OtlpSource;
  readonly #userAgent: string;
  readonly #spansSent: Counter;
  readonly #spansDropped: Counter;
  readonly #timerFlushed: Counter;

  constructor(settings: OpenTelemetrySettings, deps: OpenTelemetryDeps) {
    this.#settings = settings;
    this.#source = otlpSource(settings.resource, settings.sdkAttributes, settings.instrumentationScope, deps.version);
    this.#userAgent = 'OTel-OTLP-Exporter-Outrider/' + deps.version;
    const scope = deps.rootScope.scope('tracing.opentelemetry');
    this.#spansSent = scope.counter('spans_sent');
    this.#spansDropped = scope.counter('spans_dropped');
    this.#timerFlushed = scope.counter('timer_flushed');
  }

  requestHeaders(): RequestHeaders {
    const { protocol, path, authority, headers: added } = this.#settings;
    const headers = new RequestHeaders('POST', path, authority, 'http');
    if (protocol === 'grpc') headers.add('te', 'trailers');
    headers.add('content-type', protocol === 'grpc' ? 'application/grpc' : 'application/x-protobuf');
    headers.add('user-agent', this.#userAgent);
    for (const [name, value] of added) headers.append(name, value);
    return headers;
  }

  encode(spans: readonly Span[]): Buffer {
    const message = encodeOtlp(spans, this.#source);
    if (this.#settings.protocol === 'http') return message;
    // A gRPC message: not compressed, its length, its bytes.
    const frame = Buffer.alloc(5 + message.length);
    frame.writeUInt32BE(message.length, 1);
    message.copy(frame, 5);
    return frame;
  }

  onSent(spans: number): void {
    this.#spansSent.add(spans);
  }
  onTimerFlush(): void {
    this.#timerFlushed.inc();
  }
  onDropped(): void {
    this.#spansDropped.inc();
  }
  // Envoy counts no answers here.
  onNoCluster(): void {}
  onAnswer(): void {}
  onFailure(): void {}
}
