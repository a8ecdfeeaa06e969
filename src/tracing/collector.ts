/** Spans on their way to a collector: gathered, sent in batches, and dropped when the collector cannot keep up. No request ever waits for it. */
import type { RequestHeaders } from '../http/header-map.ts';
import { type Clock, Timer, type TimerTarget } from '../runtime/clock.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { Span } from './span.ts';

/** Sends through the configured cluster: its hosts, balancing, breakers and TLS. */
export interface CollectorClient {
  /** False if there is no such cluster. `answer` hears once what came of it, perhaps from inside this call. */
  post(cluster: string, headers: RequestHeaders, body: Buffer, timeoutMs: number, answer: CollectorAnswer): boolean;
}

export interface CollectorAnswer {
  /** @param grpcStatus of trailers or headers; -1 = none */
  onAnswer(status: number, grpcStatus: number): void;
  onFailure(): void;
}

export interface CollectorDeps {
  readonly clock: Clock;
  readonly runtime: RuntimeSnapshot;
  readonly client: CollectorClient;
}

export interface CollectorSettings {
  readonly cluster: string;
  /** 0 = the runtime key <prefix>.request_timeout says, in milliseconds. */
  readonly timeoutMs: number;
  /** e.g. 'tracing.zipkin' */
  readonly runtimePrefix: string;
  /** Spans that wait at most while reports are under way. */
  readonly maxPending: number;
}

/** What differs by provider. */
export interface CollectorFormat {
  requestHeaders(): RequestHeaders;
  encode(spans: readonly Span[]): Buffer;
  onSent(spans: number): void;
  onTimerFlush(): void;
  onNoCluster(): void;
  onAnswer(status: number, grpcStatus: number): void;
  onFailure(): void;
  /** There was no room for it. */
  onDropped(): void;
}

const MIN_FLUSH_SPANS = 5;
const FLUSH_INTERVAL_MS = 5000;
const REQUEST_TIMEOUT_MS = 5000;
/** Reports under way at once: a collector that is slow costs no more memory than theirs. */
const MAX_REPORTS = 16;

export class SpanCollector implements TimerTarget, CollectorAnswer {
  readonly #settings: CollectorSettings;
  readonly #format: CollectorFormat;
  readonly #deps: CollectorDeps;
  readonly #timer: Timer;
  #pending: Span[] = [];
  #reports = 0;

  constructor(settings: CollectorSettings, format: CollectorFormat, deps: CollectorDeps) {
    this.#settings = settings;
    this.#format = format;
    this.#deps = deps;
    this.#timer = new Timer(this, 0);
  }

  /** Reports that have not been answered yet. */
  get underWay(): number {
    return this.#reports;
  }

  add(span: Span): void {
    if (this.#pending.length >= this.#settings.maxPending) {
      this.#format.onDropped();
      return;
    }
    this.#pending.push(span);
    const { runtime, clock } = this.#deps;
    const prefix = this.#settings.runtimePrefix;
    if (this.#pending.length >= runtime.integer(prefix + '.min_flush_spans', MIN_FLUSH_SPANS)) {
      if (this.#reports < MAX_REPORTS) this.flush();
    } else if (!this.#timer.armed) clock.arm(this.#timer, runtime.integer(prefix + '.flush_interval_ms', FLUSH_INTERVAL_MS));
  }

  flush(): void {
    this.#deps.clock.disarm(this.#timer);
    const spans = this.#pending;
    if (spans.length === 0) return;
    this.#pending = [];
    const { cluster, timeoutMs, runtimePrefix } = this.#settings;
    this.#format.onSent(spans.length);
    const timeout = timeoutMs || this.#deps.runtime.integer(runtimePrefix + '.request_timeout', REQUEST_TIMEOUT_MS);
    this.#reports++;
    if (this.#deps.client.post(cluster, this.#format.requestHeaders(), this.#format.encode(spans), timeout, this)) return;
    this.#reports--;
    this.#format.onNoCluster();
  }

  onTimer(): void {
    this.#format.onTimerFlush();
    this.flush();
  }

  onAnswer(status: number, grpcStatus: number): void {
    this.#reports--;
    this.#format.onAnswer(status, grpcStatus);
    this.#next();
  }

  onFailure(): void {
    this.#reports--;
    this.#format.onFailure();
    this.#next();
  }

  /** What has gathered meanwhile does not wait for a further span. */
  #next(): void {
    if (this.#pending.length > 0 && !this.#timer.armed) this.#deps.clock.arm(this.#timer, 0);
  }
}
