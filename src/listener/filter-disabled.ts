/** Predicates of `filter_disabled`. Source: envoy.config.listener.v3.ListenerFilterChainMatchPredicate. */
import type { Address } from '../net/address.ts';
import type { FilterDisabledSettings } from './settings.ts';

/** True when the listener filter is left out for a connection to `destination`. */
export function isFilterDisabled(rule: FilterDisabledSettings, destination: Address): boolean {
  switch (rule.kind) {
    case 'always':
      return true;
    case 'not':
      return !isFilterDisabled(rule.of, destination);
    case 'any':
      return rule.of.some((r) => isFilterDisabled(r, destination));
    case 'all':
      return rule.of.every((r) => isFilterDisabled(r, destination));
    case 'port':
      return destination.kind === 'ip' && destination.port >= rule.start && destination.port < rule.end;
  }
}
