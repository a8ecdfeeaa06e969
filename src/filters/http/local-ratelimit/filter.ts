/** Refuses requests that come faster than token buckets of this proxy allow. Behaviour: Envoy's local rate limit filter. */
import { FormatContext } from '../../../http/format/operator.ts';
import type { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { Flag } from '../../../http/response-flags.ts';
import type { ConnectionInfo, StreamInfo } from '../../../http/stream-info.ts';
import type { TokenBucket } from '../../../resilience/token-bucket.ts';
import { buildHeaderMutation, type HeaderMutation } from '../../../route/headers/header-mutation.ts';
import { type RateLimitDescriptor, RateLimits } from '../../../route/rate-limit/rate-limits.ts';
import type { RateLimitSettings } from '../../../route/rate-limit/settings.ts';
import type { Route } from '../../../route/route.ts';
import type { FractionSettings } from '../../../runtime/runtime.ts';
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { Limiter, ownMemory } from './limiter.ts';
import type { LocalRateLimitSettings } from './settings.ts';

const RESOURCE_EXHAUSTED = 8;
const NO_DESCRIPTORS: readonly RateLimitDescriptor[] = [];

/** As in Envoy a connection has one limiter, of the first configuration that limited it. */
const ofConnections = new WeakMap<ConnectionInfo, Limiter>();

class LocalRateLimitStats {
  readonly enabled: Counter;
  readonly enforced: Counter;
  readonly ok: Counter;
  readonly rateLimited: Counter;
  constructor(scope: StatsScope) {
    this.enabled = scope.counter('enabled');
    this.enforced = scope.counter('enforced');
    this.ok = scope.counter('ok');
    this.rateLimited = scope.counter('rate_limited');
  }
}

/** One configuration, of the filter or of a route, on one worker. */
class LimitConfig {
  readonly settings: LocalRateLimitSettings;
  readonly stats: LocalRateLimitStats;
  /** The answer may carry headers of the limit. */
  readonly tellsLimits: boolean;
  readonly #deps: FilterDeps;
  readonly #limiter: Limiter;
  readonly #ownRateLimits: RateLimits | null;
  readonly #ofRoutes = new WeakMap<readonly RateLimitSettings[], RateLimits>();
  readonly #requestHeaders: HeaderMutation | null;
  readonly #responseHeaders: HeaderMutation | null;
  #context: FormatContext | null = null;
  #info: StreamInfo | null = null;
  #refusedBy: TokenBucket | null = null;

  constructor(settings: LocalRateLimitSettings, deps: FilterDeps) {
    this.settings = settings;
    this.#deps = deps;
    this.stats = new LocalRateLimitStats(deps.rootScope.scope(settings.statPrefix).scope('http_local_rate_limit'));
    this.tellsLimits = settings.xRateLimitHeaders || settings.descriptors.length > 0;
    const { bucket, descriptors } = settings;
    // A changed limit starts anew.
    const name = `${settings.place} ${JSON.stringify({ bucket, descriptors })} `;
    this.#limiter = new Limiter(settings, (part) => deps.shared.acquire(name + part), deps.clock);
    this.#ownRateLimits = settings.rateLimits.length === 0 ? null : this.#build(settings.rateLimits);
    this.#requestHeaders = buildHeaderMutation(settings.requestHeaders, deps.format);
    this.#responseHeaders = buildHeaderMutation(settings.responseHeaders, deps.format);
  }

  drawn(fraction: FractionSettings | null): boolean {
    if (fraction === null) return false;
    return this.#deps.runtime.fraction(fraction.runtimeKey, fraction.numerator, fraction.denominator, this.#deps.random.nextU32());
  }

  limiterFor(connection: ConnectionInfo): Limiter {
    if (!this.settings.perConnection) return this.#limiter;
    let own = ofConnections.get(connection);
    if (own === undefined) {
      own = new Limiter(this.settings, ownMemory, this.#deps.clock);
      ofConnections.set(connection, own);
    }
    return own;
  }

  /** Tokens that one hit takes: more than one where the limit is that of all proxies of the local cluster. */
  get weight(): number {
    return this.settings.sharedByLocalCluster ? Math.max(1, this.#deps.clusters.localClusterSize ?? 1) : 1;
  }

  describe(stream: HttpStream): readonly RateLimitDescriptor[] {
    const { settings } = this;
    if (settings.descriptors.length === 0) return NO_DESCRIPTORS;
    const descriptors: RateLimitDescriptor[] = [];
    if (this.#ownRateLimits !== null) {
      this.#ownRateLimits.addTo(descriptors, stream, -1, false);
      return descriptors;
    }
    const action = stream.route?.action;
    if (stream.route === null || action === null || action === undefined) return NO_DESCRIPTORS;
    const ofRoute = action.rateLimits ?? NO_RATE_LIMITS;
    this.#ofRoute(ofRoute).addTo(descriptors, stream, settings.stage, false);
    const how = action.includeVirtualHostRateLimits === true ? 'INCLUDE' : settings.virtualHostRateLimits;
    const ofHost = stream.route.virtualHost.rateLimits ?? NO_RATE_LIMITS;
    if (how === 'INCLUDE' || (how === 'OVERRIDE' && ofRoute.length === 0))
      this.#ofRoute(ofHost).addTo(descriptors, stream, settings.stage, false);
    return descriptors;
  }

  editRequest(headers: RequestHeaders, info: StreamInfo): void {
    if (this.#requestHeaders === null) return;
    this.#context ??= new FormatContext(info);
    this.#requestHeaders.apply(headers, this.#context.use(info));
  }

  /** @param bucket that has refused it */
  reply(stream: HttpStream, bucket: TokenBucket | null): void {
    this.#info = stream.info;
    this.#refusedBy = bucket;
    const grpcStatus = this.settings.resourceExhausted ? RESOURCE_EXHAUSTED : -1;
    stream.localReply(this.settings.status, 'local_rate_limited', Flag.RL, 'local_rate_limited', this.#editReply, grpcStatus);
  }

  readonly #editReply = (headers: ResponseHeaders): void => {
    const info = this.#info!;
    if (this.#responseHeaders !== null) {
      this.#context ??= new FormatContext(info);
      this.#context.use(info).responseHeaders = headers;
      this.#responseHeaders.apply(headers, this.#context);
    }
    if (this.settings.retryAfter && this.#refusedBy !== null) headers.add('retry-after', secondsToNext(this.#refusedBy));
  };

  #ofRoute(settings: readonly RateLimitSettings[]): RateLimits {
    let limits = this.#ofRoutes.get(settings);
    if (limits === undefined) {
      limits = this.#build(settings);
      this.#ofRoutes.set(settings, limits);
    }
    return limits;
  }

  #build(settings: readonly RateLimitSettings[]): RateLimits {
    const { runtime, format, localInfo } = this.#deps;
    return new RateLimits(settings, { runtime, format, localClusterName: localInfo.clusterName });
  }
}

const NO_RATE_LIMITS: readonly RateLimitSettings[] = [];

function secondsToNext(bucket: TokenBucket): string {
  return String(Math.ceil(bucket.nextTokenMs / 1000));
}

class LocalRateLimitFactory implements HttpFilterFactory {
  readonly #deps: FilterDeps;
  readonly #config: LimitConfig;
  readonly #ofRoutes = new WeakMap<LocalRateLimitSettings, LimitConfig>();
  readonly #nothing = new PassThroughFilter();

  constructor(settings: LocalRateLimitSettings, deps: FilterDeps) {
    this.#deps = deps;
    this.#config = new LimitConfig(settings, deps);
  }

  newFilter(route: Route | null, name: string): HttpFilter {
    const own = route === null ? undefined : (route.filterSettings(name) as LocalRateLimitSettings | undefined);
    const config = own === undefined ? this.#config : this.#configOf(own);
    if (config.settings.enabled === null) return this.#nothing;
    return config.tellsLimits ? new TellingRateLimitFilter(config) : new LocalRateLimitFilter(config);
  }

  prepareRoute(settings: LocalRateLimitSettings): void {
    this.#configOf(settings);
  }

  #configOf(settings: LocalRateLimitSettings): LimitConfig {
    let config = this.#ofRoutes.get(settings);
    if (config === undefined) {
      config = new LimitConfig(settings, this.#deps);
      this.#ofRoutes.set(settings, config);
    }
    return config;
  }
}

class LocalRateLimitFilter extends PassThroughFilter {
  protected readonly config: LimitConfig;

  constructor(config: LimitConfig) {
    super();
    this.config = config;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders): Status {
    const { config } = this;
    const { stats, settings } = config;
    if (!config.drawn(settings.enabled)) return Status.Continue;
    stats.enabled.inc();
    const limiter = config.limiterFor(stream.info.connection);
    const allowed = limiter.allows(config.describe(stream), config.weight);
    this.measured(limiter);
    if (allowed) {
      stats.ok.inc();
      return Status.Continue;
    }
    stats.rateLimited.inc();
    if (!config.drawn(settings.enforced)) {
      config.editRequest(headers, stream.info);
      return Status.Continue;
    }
    stats.enforced.inc();
    config.reply(stream, limiter.bucket);
    return Status.Stop;
  }

  protected measured(_limiter: Limiter): void {}
}

/** One whose answers tell how much is left. */
class TellingRateLimitFilter extends LocalRateLimitFilter {
  #bucket: TokenBucket | null;
  #tells: boolean;

  constructor(config: LimitConfig) {
    super(config);
    this.#bucket = null;
    this.#tells = false;
  }

  override onResponseHeaders(_stream: HttpStream, headers: ResponseHeaders): Status {
    const bucket = this.#bucket;
    if (bucket === null || !this.#tells) return Status.Continue;
    headers.add('x-ratelimit-limit', String(bucket.maxTokens));
    headers.add('x-ratelimit-remaining', String(Math.floor(bucket.remaining)));
    headers.add('x-ratelimit-reset', secondsToNext(bucket));
    return Status.Continue;
  }

  protected override measured(limiter: Limiter): void {
    this.#bucket = limiter.bucket;
    this.#tells = limiter.xRateLimitHeaders ?? this.config.settings.xRateLimitHeaders;
  }
}

export function createLocalRateLimit(settings: LocalRateLimitSettings, deps: FilterDeps): HttpFilterFactory {
  return new LocalRateLimitFactory(settings, deps);
}
