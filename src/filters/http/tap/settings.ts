/** A tap as compiled. Source: envoy.extensions.filters.http.tap.v3.Tap and envoy.config.tap.v3. */
import type { HeaderMatcherSettings } from '../../../http/header-matcher.ts';
import type { FractionSettings } from '../../../runtime/runtime.ts';

export type TapMatchSettings =
  | { readonly kind: 'and' | 'or'; readonly rules: readonly TapMatchSettings[] }
  | { readonly kind: 'not'; readonly rule: TapMatchSettings }
  | { readonly kind: 'any' }
  | {
      readonly kind: 'headers';
      readonly of: 'request_headers' | 'request_trailers' | 'response_headers' | 'response_trailers';
      readonly headers: readonly HeaderMatcherSettings[];
    }
  | {
      readonly kind: 'body';
      readonly of: 'request' | 'response';
      /** All of them are to be found. */
      readonly patterns: readonly Uint8Array[];
      /** In so many bytes; 0 = anywhere. */
      readonly limit: number;
    };

export type TapFormat = 'json_bytes' | 'json_string' | 'binary' | 'length_delimited';

export interface TapSettings {
  readonly match: TapMatchSettings;
  /** A piece at a time, as it passes, instead of the whole at the end. */
  readonly streaming: boolean;
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
  readonly format: TapFormat;
  readonly sink:
    | { readonly kind: 'file'; readonly pathPrefix: string }
    | { readonly kind: 'admin'; readonly maxTraces: number; readonly timeoutMs: number };
  /** null = all requests. */
  readonly enabled: FractionSettings | null;
}

export interface TapFilterSettings {
  /** null = only when asked for through `/tap`. */
  readonly tap: TapSettings | null;
  /** admin_config.config_id; ''. */
  readonly configId: string;
}
