/** Whether a listener has a log that goes to a service: what those need is loaded only then. */
import { type AccessLogSettings, isServiceSink } from '../access-log/settings.ts';
import type { ListenerSettings } from '../listener/settings.ts';

/** Where filters keep their logs. */
interface Logging {
  readonly accessLogs?: readonly AccessLogSettings[];
  readonly upstreamLogs?: readonly AccessLogSettings[];
  readonly httpFilters?: readonly { readonly settings: unknown }[];
}

export function usesLogServices(listener: ListenerSettings): boolean {
  const chains = listener.defaultFilterChain === null ? listener.filterChains : [...listener.filterChains, listener.defaultFilterChain];
  return hasService(listener as Logging) || chains.some((chain) => chain.filters.some((filter) => hasService(filter.settings as Logging)));
}

function hasService(settings: Logging | null): boolean {
  if (settings === null || typeof settings !== 'object') return false;
  const logs = [...(settings.accessLogs ?? []), ...(settings.upstreamLogs ?? [])];
  return logs.some((log) => isServiceSink(log.sink)) || (settings.httpFilters ?? []).some((entry) => hasService(entry.settings as Logging));
}
