/** One piece of work of a trace: made for each request, told to the collector if it is sampled. */
import type { RequestHeaders } from '../http/header-map.ts';

export type SpanKind = 'CLIENT' | 'SERVER';

/** What makes, propagates and collects the spans of one provider. */
export interface Tracer {
  /** Logs name the spans of requests: Envoy's Zipkin tracer does not tell them. */
  readonly tellsSpanIds: boolean;
  /**
   * The span of a request that has come in. null: its headers carry a context that cannot be read; it is not traced, and they go on as they
   * are. @param origin what the proxy is to this request @param startMs milliseconds since the epoch, with fractions
   */
  start(headers: RequestHeaders, origin: SpanOrigin, startMs: number, traced: boolean): Span | null;
  /** @param sampled as the parent is, unless given */
  startChild(parent: Span, name: string, startMs: number, sampled?: boolean): Span;
  inject(span: Span, headers: RequestHeaders): void;
  /** Takes a sampled span that has ended. */
  report(span: Span): void;
}

export interface SpanOrigin {
  readonly egress: boolean;
  /** Tries have spans of their own: the request's is a server's. */
  readonly spawnsUpstream: boolean;
}

export interface SpanEvent {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
}

export class Span {
  readonly tracer: Tracer;
  readonly kind: SpanKind;
  /** Lower-case hex: 16 or 32 digits. */
  readonly traceId: string;
  /** 16 digits. */
  readonly id: string;
  /** 16 digits; '' = the first of its trace. */
  readonly parentId: string;
  readonly sampled: boolean;
  /** The parent is another process. */
  readonly remoteParent: boolean;
  /** B3 came, and goes on, in its one-line form. */
  readonly singleB3: boolean;
  readonly traceState: string;
  name: string;
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  endMs: number;
  /** Names and values in turn; a name once. Wire text. */
  readonly tags: string[];
  events: SpanEvent[] | null;

  constructor(
    tracer: Tracer,
    kind: SpanKind,
    traceId: string,
    id: string,
    parentId: string,
    sampled: boolean,
    remoteParent: boolean,
    singleB3: boolean,
    traceState: string,
    name: string,
    startMs: number,
  ) {
    this.tracer = tracer;
    this.kind = kind;
    this.traceId = traceId;
    this.id = id;
    this.parentId = parentId;
    this.sampled = sampled;
    this.remoteParent = remoteParent;
    this.singleB3 = singleB3;
    this.traceState = traceState;
    this.name = name;
    this.startMs = startMs;
    this.endMs = startMs;
    this.tags = NO_TAGS;
    this.events = null;
    if (sampled) this.tags = [];
  }

  /** Nothing for a span that nobody will see. */
  setTag(name: string, value: string): void {
    if (!this.sampled) return;
    const tags = this.tags;
    for (let i = 0; i < tags.length; i += 2) {
      if (tags[i] === name) {
        tags[i + 1] = value;
        return;
      }
    }
    tags.push(name, value);
  }

  tag(name: string): string | undefined {
    for (let i = 0; i < this.tags.length; i += 2) if (this.tags[i] === name) return this.tags[i + 1];
    return undefined;
  }

  addEvent(name: string, timeMs: number): void {
    this.events ??= [];
    this.events.push({ name, timeMs });
  }

  finish(endMs: number): void {
    if (!this.sampled) return;
    this.endMs = endMs;
    this.tracer.report(this);
  }
}

const NO_TAGS: string[] = [];
