/** Descriptors that a request has for rate limiting, as configured. Source: envoy.config.route.v3.RateLimit. */
import type { HeaderMatcherSettings } from '../../http/header-matcher.ts';
import type { QueryParameterSettings } from '../settings.ts';

export interface RateLimitSettings {
  /** 0-10: filters look at those of their own stage. */
  readonly stage: number;
  /** Runtime key `ratelimit.<it>.http_filter_enabled` switches it off; ''. */
  readonly disableKey: string;
  readonly actions: readonly RateLimitActionSettings[];
  /** Of the service's answer; local limits do not know it. */
  readonly limit: RateLimitOverrideSettings | null;
  readonly hitsAddend: { readonly number: number | null; readonly format: string; readonly negative: boolean } | null;
  readonly applyOnStreamDone: boolean;
  /** null: as the filter says. */
  readonly xRateLimitHeaders: boolean | null;
}

export type RateLimitOverrideSettings =
  | { readonly kind: 'dynamic_metadata'; readonly namespace: string; readonly path: readonly string[] }
  | { readonly kind: 'fixed'; readonly requestsPerUnit: number; readonly unit: number };

export type RateLimitActionSettings =
  | { readonly kind: 'source_cluster' }
  | { readonly kind: 'destination_cluster' }
  | { readonly kind: 'remote_address' }
  | { readonly kind: 'masked_remote_address'; readonly v4Length: number; readonly v6Length: number }
  | { readonly kind: 'request_headers'; readonly header: string; readonly key: string; readonly skipIfAbsent: boolean }
  | { readonly kind: 'query_parameters'; readonly parameter: string; readonly key: string; readonly skipIfAbsent: boolean }
  | ({ readonly kind: 'generic_key' } & EntryText)
  | ({ readonly kind: 'header_value_match'; readonly expect: boolean; readonly headers: readonly HeaderMatcherSettings[] } & EntryText)
  | ({
      readonly kind: 'query_parameter_value_match';
      readonly expect: boolean;
      readonly parameters: readonly QueryParameterSettings[];
    } & EntryText)
  | ({ readonly kind: 'remote_address_match'; readonly ranges: readonly string[]; readonly invert: boolean } & EntryText)
  | {
      readonly kind: 'metadata';
      readonly key: string;
      readonly source: 'DYNAMIC' | 'ROUTE' | 'CLUSTER';
      readonly namespace: string;
      readonly path: readonly string[];
      readonly fallback: string;
      readonly skipIfAbsent: boolean;
    };

export interface EntryText {
  readonly key: string;
  /** Format with %OPERATORS%. */
  readonly value: string;
  /** Where the format gives nothing. */
  readonly fallback: string;
}
