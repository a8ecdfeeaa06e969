/**
 * Tracing of one connection manager: decides for each request, makes its span and those of its tries, and fills them when they end.
 * Source: Envoy's ConnectionManagerImpl::ActiveStream::traceRequest, HttpTracerImpl, and the router's UpstreamRequest.
 */
import type { ActiveTrace, AttemptTrace } from '../http/active-trace.ts';
import { buildCustomTag, type CustomTag } from '../http/custom-tags.ts';
import type { FormatEnvironment } from '../http/format/operator.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../http/header-map.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Address } from '../net/address.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { Counter, StatsScope } from '../stats/scope.ts';
import { decideTracing, TraceReason } from './sampling.ts';
import type { RouteTracingSettings, TracingSettings } from './settings.ts';
import type { Span, SpanOrigin, Tracer } from './span.ts';
import { tagDownstream, tagGrpcResponse, tagUpstream, type UpstreamFacts } from './tags.ts';

export interface TracingDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  readonly format: FormatEnvironment;
  readonly localInfo: { readonly nodeId: string; readonly zone: string };
  /** `http.<stat_prefix>.` */
  readonly scope: StatsScope;
  /** Nobody traces with it any more. */
  release(): void;
}

/** traffic_direction OUTBOUND; every other one is ingress. */
const OUTBOUND = 2;
const DECORATOR = 'x-envoy-decorator-operation';

export class RequestTracing {
  readonly settings: TracingSettings;
  readonly clock: Clock;
  readonly #tracer: Tracer | null;
  readonly #deps: TracingDeps;
  readonly #packs: boolean;
  readonly #ingress: SpanOrigin;
  readonly #egress: SpanOrigin;
  readonly #randomSampling: Counter;
  readonly #serviceForced: Counter;
  readonly #clientEnabled: Counter;
  readonly #notTraceable: Counter;
  readonly #customTags: readonly CustomTag[];
  readonly #operations = new Map<string, CustomTag>();
  /** By route: its own, over those of the connection manager. */
  readonly #tagsOfRoutes = new WeakMap<RouteTracingSettings, readonly CustomTag[]>();

  /** @param packs the request id carries the decision */
  constructor(settings: TracingSettings, tracer: Tracer | null, packs: boolean, deps: TracingDeps) {
    this.settings = settings;
    this.clock = deps.clock;
    this.#tracer = tracer;
    this.#deps = deps;
    this.#packs = packs;
    this.#ingress = { egress: false, spawnsUpstream: settings.spawnUpstreamSpan };
    this.#egress = { egress: true, spawnsUpstream: settings.spawnUpstreamSpan };
    this.#randomSampling = deps.scope.counter('tracing.random_sampling');
    this.#serviceForced = deps.scope.counter('tracing.service_forced');
    this.#clientEnabled = deps.scope.counter('tracing.client_enabled');
    this.#notTraceable = deps.scope.counter('tracing.not_traceable');
    this.#customTags = settings.customTags.map((tag) => buildCustomTag(tag, deps.format));
  }

  /** A request has its route; its headers are ready for the filters. */
  begin(headers: RequestHeaders, info: StreamInfo, route: RouteTracingSettings | null): void {
    const { settings } = this;
    const { random, runtime, localInfo } = this.#deps;
    const sampling = route?.sampling ?? settings.sampling;
    const reason = settings.useRequestIdForSampling ? decideTracing(headers, sampling, this.#packs, runtime, random) : TraceReason.Sampling;
    this.#count(reason);
    const traced = reason !== TraceReason.NotTraceable;
    info.traced = traced;
    if (this.#tracer === null) return;
    const origin = info.connection.trafficDirection === OUTBOUND ? this.#egress : this.#ingress;
    const span = this.#tracer.start(headers, origin, info.startWallMs, traced);
    if (span === null) return;
    info.traceId = span.traceId;
    span.setTag('node_id', localInfo.nodeId);
    span.setTag('zone', localInfo.zone);
    const trace = new RequestTrace(this, span, route, origin.egress);
    info.trace = trace;
    trace.nameOperation(headers, info);
  }

  /** Its connection manager is gone, and all requests with it. */
  close(): void {
    this.#deps.release();
  }

  customTags(route: RouteTracingSettings | null): readonly CustomTag[] {
    if (route === null || route.customTags.length === 0) return this.#customTags;
    let tags = this.#tagsOfRoutes.get(route);
    if (tags === undefined) {
      const own = route.customTags.map((tag) => buildCustomTag(tag, this.#deps.format));
      tags = [...own, ...this.#customTags.filter((tag) => own.every((other) => other.name !== tag.name))];
      this.#tagsOfRoutes.set(route, tags);
    }
    return tags;
  }

  /** The name that a format makes; '' = it makes none. */
  operation(format: string, info: StreamInfo): string {
    if (format === '') return '';
    let compiled = this.#operations.get(format);
    if (compiled === undefined) {
      compiled = buildCustomTag({ kind: 'value', tag: '', format }, this.#deps.format);
      this.#operations.set(format, compiled);
    }
    return compiled.value(info);
  }

  #count(reason: TraceReason): void {
    if (reason === TraceReason.Sampling) this.#randomSampling.inc();
    else if (reason === TraceReason.NotTraceable) this.#notTraceable.inc();
    else if (reason === TraceReason.ServiceForced) this.#serviceForced.inc();
    else this.#clientEnabled.inc();
  }
}

class RequestTrace implements ActiveTrace {
  readonly #tracing: RequestTracing;
  readonly #span: Span;
  readonly #route: RouteTracingSettings | null;
  readonly #egress: boolean;
  /** The route's name for the operation; '' = none, or the other side has said its own. */
  #decorated: string;

  constructor(tracing: RequestTracing, span: Span, route: RouteTracingSettings | null, egress: boolean) {
    this.#tracing = tracing;
    this.#span = span;
    this.#route = route;
    this.#egress = egress;
    this.#decorated = route === null ? '' : route.decorator;
  }

  get spanId(): string {
    return this.#span.tracer.tellsSpanIds ? this.#span.id : '';
  }

  /** The route names it; a caller that has a name of its own says so, and the callee is told. */
  nameOperation(headers: RequestHeaders, info: StreamInfo): void {
    const named = this.#tracing.operation(this.#route?.operation || this.#tracing.settings.operation, info);
    // A format overrules the decorator, and the other side is told of neither.
    if (named !== '') {
      this.#span.name = named;
      this.#decorated = '';
    } else if (this.#decorated !== '') this.#span.name = this.#decorated;
    if (this.#egress) {
      if (this.#decorated !== '' && this.#route!.propagate) headers.set(DECORATOR, this.#decorated);
      return;
    }
    const given = headers.get(DECORATOR);
    if (given === undefined) return;
    if (given !== '') {
      this.#span.name = given;
      this.#decorated = '';
    }
    headers.remove(DECORATOR);
  }

  onResponseHeaders(headers: ResponseHeaders): void {
    if (!this.#egress) {
      if (this.#decorated !== '' && this.#route!.propagate) headers.set(DECORATOR, this.#decorated);
      return;
    }
    const given = headers.get(DECORATOR);
    if (given === undefined) return;
    if (given !== '') this.#span.name = given;
    headers.remove(DECORATOR);
  }

  inject(headers: RequestHeaders): void {
    if (!this.#tracing.settings.noContextPropagation) this.#span.tracer.inject(this.#span, headers);
  }

  startAttempt(info: StreamInfo, attempt: number, always: boolean): AttemptTrace | null {
    if (!always && !this.#tracing.settings.spawnUpstreamSpan) return null;
    const format = this.#route?.upstreamOperation || this.#tracing.settings.upstreamOperation;
    const name = this.#tracing.operation(format, info) || `router ${info.upstreamClusterObservabilityName} egress`;
    const startMs = info.startWallMs + (this.#tracing.clock.nowMs() - info.startMs);
    const span = this.#span.tracer.startChild(this.#span, name, startMs);
    if (attempt > 1) span.setTag('retry.count', String(attempt - 1));
    return new TryTrace(this.#tracing, span, info, this.#route);
  }

  copy(headers: RequestHeaders, sampled: boolean | null): ActiveTrace {
    const { clock, settings } = this.#tracing;
    const { tracer } = this.#span;
    const span = tracer.startChild(this.#span, 'mirror', clock.wallMs(), sampled ?? this.#span.sampled);
    if (!settings.noContextPropagation) tracer.inject(span, headers);
    return new CopyTrace(this.#tracing, span);
  }

  finish(info: StreamInfo): void {
    const span = this.#span;
    if (!span.sampled) return;
    tagDownstream(span, info, this.#tracing.settings, this.#tracing.customTags(this.#route));
    span.finish(info.startWallMs + (info.endMs - info.startMs));
  }
}

class TryTrace implements AttemptTrace, UpstreamFacts {
  readonly #tracing: RequestTracing;
  readonly #span: Span;
  readonly #info: StreamInfo;
  readonly #route: RouteTracingSettings | null;
  readonly #startMs: number;
  protocol: string;
  address: string;
  status: number;
  flags: number;
  lastRxMs: number;

  constructor(tracing: RequestTracing, span: Span, info: StreamInfo, route: RouteTracingSettings | null) {
    this.#tracing = tracing;
    this.#span = span;
    this.#info = info;
    this.#route = route;
    this.#startMs = tracing.clock.nowMs();
    this.protocol = '';
    this.address = '';
    this.status = 0;
    this.flags = 0;
    this.lastRxMs = -1;
  }

  inject(headers: RequestHeaders): void {
    if (!this.#tracing.settings.noContextPropagation) this.#span.tracer.inject(this.#span, headers);
  }
  onReady(host: Address, protocol: string): void {
    this.address = host.text;
    this.protocol = protocol;
  }
  onHeaders(headers: ResponseHeaders, end: boolean): void {
    if (end) this.lastRxMs = this.#tracing.clock.nowMs();
    this.status = headers.status;
    tagGrpcResponse(this.#span, headers);
  }
  onTrailers(trailers: HeaderMap): void {
    tagGrpcResponse(this.#span, trailers);
  }
  onFlag(flag: number): void {
    this.flags |= flag;
  }
  onCanceled(): void {
    this.#span.setTag('canceled', 'true');
  }
  onReset(reason: string): void {
    this.#span.setTag('error', 'true');
    this.#span.setTag('error.reason', reason);
  }
  finish(): void {
    const span = this.#span;
    if (!span.sampled) return;
    tagUpstream(span, this, this.#info, this.#tracing.settings.verbose, this.#tracing.customTags(this.#route));
    span.finish(span.startMs + (this.#tracing.clock.nowMs() - this.#startMs));
  }
}

/** Of a mirrored request. Nobody waits for it, and it is tried once. */
class CopyTrace implements ActiveTrace {
  readonly #tracing: RequestTracing;
  readonly #span: Span;

  constructor(tracing: RequestTracing, span: Span) {
    this.#tracing = tracing;
    this.#span = span;
  }

  get spanId(): string {
    return this.#span.tracer.tellsSpanIds ? this.#span.id : '';
  }
  startAttempt(info: StreamInfo): AttemptTrace {
    return new CopyTry(this.#tracing, this.#span, info, null);
  }
  copy(): ActiveTrace {
    return this;
  }
  // Its try does all that there is to do.
  inject(): void {}
  onResponseHeaders(): void {}
  finish(): void {}
}

class CopyTry extends TryTrace {
  /** The copy was made with the context in it. */
  override inject(): void {}
}
