/** Closes sockets that are accepted faster than a token bucket allows. Source: envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit. */
import { TokenBucket } from '../../../resilience/token-bucket.ts';
import type { FilterDeps, ListenerFilter, ListenerFilterFactory } from '../../api.ts';
import { ListenerFilterStatus } from '../../api.ts';
import type { AcceptRateLimitSettings } from './config.ts';

export function createAcceptRateLimit(settings: AcceptRateLimitSettings, deps: FilterDeps): ListenerFilterFactory {
  const { clock, runtime, rootScope, shared } = deps;
  const bucket = new TokenBucket(settings.bucket, shared.acquire(`${settings.place} ${JSON.stringify(settings.bucket)}`), clock);
  const limited = rootScope
    .tagged('listener_local_ratelimit', 'envoy.local_listener_ratelimit_prefix', settings.statPrefix)
    .counter('rate_limited');
  const filter: ListenerFilter = {
    onAccept() {
      if (!runtime.boolean(settings.runtimeKey, settings.enabled) || bucket.consume(1)) return ListenerFilterStatus.Done;
      limited.inc();
      return ListenerFilterStatus.Close;
    },
    onData: () => ListenerFilterStatus.Done,
  };
  return { newFilter: () => filter };
}
