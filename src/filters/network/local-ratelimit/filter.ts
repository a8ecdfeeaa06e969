/** Closes connections that come faster than a token bucket allows. Source: envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit. */
import { TokenBucket } from '../../../resilience/token-bucket.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import type { Counter } from '../../../stats/scope.ts';
import type { NetworkFilter, NetworkFilterCallbacks, NetworkFilterDeps, NetworkFilterFactory } from '../../api.ts';
import { Status } from '../../api.ts';
import type { ConnectionRateLimitSettings } from './config.ts';

/** What the filters of one chain share. */
class ConnectionRateLimit implements NetworkFilterFactory {
  readonly #settings: ConnectionRateLimitSettings;
  readonly #runtime: RuntimeSnapshot;
  readonly #bucket: TokenBucket;
  readonly #limited: Counter;

  constructor(settings: ConnectionRateLimitSettings, { clock, runtime, rootScope, shared }: NetworkFilterDeps) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#bucket = new TokenBucket(settings.bucket, shared.acquire(`${settings.sharedAs} ${JSON.stringify(settings.bucket)}`), clock);
    const scope = rootScope.tagged('local_rate_limit', 'envoy.local_network_ratelimit_prefix', settings.statPrefix);
    this.#limited = scope.counter('rate_limited');
  }

  newFilter(callbacks: NetworkFilterCallbacks): NetworkFilter {
    return new ConnectionRateLimitFilter(this, callbacks);
  }

  allows(): boolean {
    if (!this.#runtime.boolean(this.#settings.runtimeKey, this.#settings.enabled) || this.#bucket.consume(1)) return true;
    this.#limited.inc();
    return false;
  }
}

class ConnectionRateLimitFilter implements NetworkFilter {
  readonly #limit: ConnectionRateLimit;
  readonly #callbacks: NetworkFilterCallbacks;
  #refused: boolean;

  constructor(limit: ConnectionRateLimit, callbacks: NetworkFilterCallbacks) {
    this.#limit = limit;
    this.#callbacks = callbacks;
    this.#refused = false;
  }

  onConnection(): Status {
    if (this.#limit.allows()) return Status.Continue;
    this.#refused = true;
    this.#callbacks.close('no-flush', 'local_ratelimit_close');
    return Status.Stop;
  }

  onData(): Status {
    return this.#refused ? Status.Stop : Status.Continue;
  }

  onClose(): void {}
}

export function createConnectionRateLimit(settings: ConnectionRateLimitSettings, deps: NetworkFilterDeps): NetworkFilterFactory {
  return new ConnectionRateLimit(settings, deps);
}
