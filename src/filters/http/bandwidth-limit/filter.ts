/** Lets the bodies of all requests of one configuration together pass at a rate. Behaviour: Envoy's BandwidthLimiter. */
import { HeaderMap, type RequestHeaders, type ResponseHeaders } from '../../../http/header-map.ts';
import { TokenBucket } from '../../../resilience/token-bucket.ts';
import type { Route } from '../../../route/route.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Counter, Gauge, Histogram, StatsScope } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { type LimitedDirection, StreamRateLimiter } from '../../stream-rate-limiter.ts';
import type { BandwidthLimitSettings } from './config.ts';

class DirectionStats {
  readonly enabled: Counter;
  readonly enforced: Counter;
  readonly incomingTotalSize: Counter;
  readonly allowedTotalSize: Counter;
  readonly pending: Gauge;
  readonly incomingSize: Gauge;
  readonly allowedSize: Gauge;
  readonly transferDuration: Histogram;

  constructor(scope: StatsScope, direction: 'request' | 'response') {
    this.enabled = scope.counter(`${direction}_enabled`);
    this.enforced = scope.counter(`${direction}_enforced`);
    this.incomingTotalSize = scope.counter(`${direction}_incoming_total_size`);
    this.allowedTotalSize = scope.counter(`${direction}_allowed_total_size`);
    this.pending = scope.gauge(`${direction}_pending`);
    this.incomingSize = scope.gauge(`${direction}_incoming_size`);
    this.allowedSize = scope.gauge(`${direction}_allowed_size`);
    this.transferDuration = scope.histogram(`${direction}_transfer_duration`);
  }
}

/** One configuration, of the filter or of a route, on one worker. */
class BandwidthConfig {
  readonly settings: BandwidthLimitSettings;
  readonly request: DirectionStats;
  readonly response: DirectionStats;
  readonly bucket: TokenBucket;
  readonly #deps: FilterDeps;

  constructor(settings: BandwidthLimitSettings, deps: FilterDeps) {
    this.settings = settings;
    this.#deps = deps;
    const scope = deps.rootScope.scope(settings.statPrefix).scope('http_bandwidth_limit');
    this.request = new DirectionStats(scope, 'request');
    this.response = new DirectionStats(scope, 'response');
    const bytes = settings.limitKbps * 1024;
    const memory = deps.shared.acquire(`${settings.place} ${bytes} bytes a second`);
    this.bucket = new TokenBucket({ maxTokens: bytes, tokensPerFill: bytes, fillIntervalMs: 1000 }, memory, deps.clock);
  }

  get clock(): Clock {
    return this.#deps.clock;
  }

  get limits(): boolean {
    const { request, response, runtimeKey, enabled } = this.settings;
    return (request || response) && this.#deps.runtime.boolean(runtimeKey, enabled);
  }
}

/** One direction of a stream. */
class Direction implements LimitedDirection {
  readonly #filter: BandwidthLimitFilter;
  readonly #config: BandwidthConfig;
  readonly #stats: DirectionStats;
  readonly #isRequest: boolean;
  readonly limiter: StreamRateLimiter;
  #startedMs: number;
  /** How long the body took, -1 = it has not passed yet. */
  durationMs: number;
  /** How much of that it waited for tokens. */
  delayMs: number;

  constructor(filter: BandwidthLimitFilter, config: BandwidthConfig, stats: DirectionStats, isRequest: boolean, maxKept: number) {
    this.#filter = filter;
    this.#config = config;
    this.#stats = stats;
    this.#isRequest = isRequest;
    this.limiter = new StreamRateLimiter(this, config.bucket, false, config.settings.fillIntervalMs, maxKept, config.clock);
    this.#startedMs = -1;
    this.durationMs = -1;
    this.delayMs = 0;
    stats.enabled.inc();
  }

  write(chunk: Buffer, end: boolean, trailers = false): void {
    if (this.#startedMs < 0) {
      this.#startedMs = this.#config.clock.nowMs();
      this.#stats.pending.inc();
    }
    this.#stats.incomingSize.set(chunk.length);
    this.#stats.incomingTotalSize.add(chunk.length);
    this.limiter.write(chunk, end, trailers);
  }

  /** The body has passed. */
  finish(): void {
    if (this.#startedMs < 0 || this.durationMs >= 0) return;
    this.durationMs = Math.trunc(this.#config.clock.nowMs() - this.#startedMs);
    this.#stats.transferDuration.record(this.durationMs);
    this.#stats.pending.dec();
  }

  stop(): void {
    this.limiter.stop();
    if (this.#startedMs >= 0 && this.durationMs < 0) this.#stats.pending.dec();
  }

  pass(chunk: Buffer, end: boolean, limited: boolean): void {
    if (limited) {
      this.#stats.enforced.inc();
      this.delayMs += this.#config.settings.fillIntervalMs;
    }
    this.#stats.allowedSize.set(chunk.length);
    this.#stats.allowedTotalSize.add(chunk.length);
    if (end) this.finish();
    if (chunk.length > 0 || end) this.#filter.pass(this.#isRequest, chunk, end);
  }

  passTrailers(): void {
    this.finish();
    this.#filter.passTrailers(this.#isRequest);
  }

  hold(hold: boolean): void {
    this.#filter.hold(this.#isRequest, hold);
  }
}

class BandwidthLimitFilter extends PassThroughFilter {
  readonly #config: BandwidthConfig;
  #stream: HttpStream | null;
  #request: Direction | null;
  #response: Direction | null;
  #trailers: HeaderMap | null;
  /** They are the filter's own: the upstream sent none. */
  #addsTrailers: boolean;

  constructor(config: BandwidthConfig) {
    super();
    this.#config = config;
    this.#stream = null;
    this.#request = null;
    this.#response = null;
    this.#trailers = null;
    this.#addsTrailers = false;
  }

  override onRequestHeaders(stream: HttpStream, _headers: RequestHeaders, _end: boolean): Status {
    this.#stream = stream;
    const config = this.#config;
    if (config.settings.request) this.#request = new Direction(this, config, config.request, true, stream.bufferLimit);
    return Status.Continue;
  }

  override onRequestData(_stream: HttpStream, chunk: Buffer, end: boolean): Status {
    if (this.#request === null) return Status.Continue;
    this.#request.write(chunk, end);
    return Status.Stop;
  }

  override onRequestTrailers(_stream: HttpStream, _trailers: HeaderMap): Status {
    if (this.#request === null) return Status.Continue;
    if (this.#request.limiter.end()) return Status.Stop;
    this.#request.finish();
    return Status.Continue;
  }

  override onResponseHeaders(stream: HttpStream, _headers: ResponseHeaders, _end: boolean): Status {
    this.#stream = stream;
    const config = this.#config;
    if (config.settings.response) this.#response = new Direction(this, config, config.response, false, stream.bufferLimit);
    return Status.Continue;
  }

  override onResponseData(stream: HttpStream, chunk: Buffer, end: boolean): Status {
    if (this.#response === null) return Status.Continue;
    const adds = end && this.#config.settings.responseTrailers;
    if (adds) {
      this.#trailers = new HeaderMap();
      this.#addsTrailers = true;
      stream.info.responseTrailers = this.#trailers;
    }
    this.#response.write(chunk, end, adds);
    return Status.Stop;
  }

  override onResponseTrailers(_stream: HttpStream, trailers: HeaderMap): Status {
    if (this.#response === null) return Status.Continue;
    this.#trailers = trailers;
    if (this.#response.limiter.end()) return Status.Stop;
    this.#response.finish();
    this.#tellDelays(trailers);
    return Status.Continue;
  }

  override onStreamEnd(_stream: HttpStream): void {
    this.#request?.stop();
    this.#response?.stop();
  }

  pass(isRequest: boolean, chunk: Buffer, end: boolean): void {
    if (isRequest) this.#stream!.injectRequestData(this, chunk, end);
    else this.#stream!.injectResponseData(this, chunk, end);
  }

  passTrailers(isRequest: boolean): void {
    const stream = this.#stream!;
    if (isRequest) {
      stream.continueRequest(this);
      return;
    }
    this.#tellDelays(this.#trailers!);
    if (this.#addsTrailers) stream.injectResponseData(this, EMPTY, false, this.#trailers);
    else stream.continueResponse(this);
  }

  hold(isRequest: boolean, hold: boolean): void {
    if (isRequest) this.#stream!.holdRequest(hold);
    else this.#stream!.holdResponse(hold);
  }

  #tellDelays(trailers: HeaderMap): void {
    const { responseTrailers, trailerPrefix } = this.#config.settings;
    if (!responseTrailers) return;
    tellDelays(trailers, `${trailerPrefix}bandwidth-request`, this.#request);
    tellDelays(trailers, `${trailerPrefix}bandwidth-response`, this.#response);
  }
}

/** Delays of nothing are not told. */
function tellDelays(trailers: HeaderMap, name: string, direction: Direction | null): void {
  if (direction === null) return;
  if (direction.durationMs > 0) trailers.set(`${name}-delay-ms`, String(direction.durationMs));
  if (direction.delayMs > 0) trailers.set(`${name}-filter-delay-ms`, String(direction.delayMs));
}

const EMPTY = Buffer.alloc(0);

class BandwidthLimitFactory implements HttpFilterFactory {
  readonly #deps: FilterDeps;
  readonly #config: BandwidthConfig;
  readonly #ofRoutes = new WeakMap<BandwidthLimitSettings, BandwidthConfig>();
  readonly #nothing = new PassThroughFilter();

  constructor(settings: BandwidthLimitSettings, deps: FilterDeps) {
    this.#deps = deps;
    this.#config = new BandwidthConfig(settings, deps);
  }

  newFilter(route: Route | null, name: string): HttpFilter {
    const own = route === null ? undefined : (route.filterSettings(name) as BandwidthLimitSettings | undefined);
    const config = own === undefined ? this.#config : this.#configOf(own);
    return config.limits ? new BandwidthLimitFilter(config) : this.#nothing;
  }

  prepareRoute(settings: BandwidthLimitSettings): void {
    this.#configOf(settings);
  }

  #configOf(settings: BandwidthLimitSettings): BandwidthConfig {
    let config = this.#ofRoutes.get(settings);
    if (config === undefined) {
      config = new BandwidthConfig(settings, this.#deps);
      this.#ofRoutes.set(settings, config);
    }
    return config;
  }
}

export function createBandwidthLimit(settings: BandwidthLimitSettings, deps: FilterDeps): HttpFilterFactory {
  return new BandwidthLimitFactory(settings, deps);
}
