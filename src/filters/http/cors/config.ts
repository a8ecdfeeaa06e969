/** CORS settings: all of them stand in routes, virtual hosts and route configurations. Source: envoy.extensions.filters.http.cors.v3. */
import type { CompileContext } from '../../../config/context.ts';
import type { Cors, CorsPolicy } from '../../../config/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { compileRuntimeFraction, compileStringMatcher } from '../../../http/config.ts';
import type { StringMatcherSettings } from '../../../http/string-matcher.ts';
import { wireText } from '../../../http/wire-text.ts';
import type { FractionSettings } from '../../../runtime/runtime.ts';

export interface CorsSettings {
  readonly allowOrigins: readonly StringMatcherSettings[];
  /** '' = not said here, for all texts. */
  readonly allowMethods: string;
  readonly allowHeaders: string;
  readonly exposeHeaders: string;
  readonly maxAge: string;
  /** null = not said here. */
  readonly allowCredentials: boolean | null;
  readonly allowPrivateNetworkAccess: boolean | null;
  readonly forwardNotMatchingPreflights: boolean | null;
  /** null = all. */
  readonly enabled: FractionSettings | null;
  /** null = none. */
  readonly shadowEnabled: FractionSettings | null;
}

/** The filter itself has nothing to be told. */
export function compileCors(_message: Cors): null {
  return null;
}

export function compileCorsPolicy(message: CorsPolicy, at: CompileContext): CorsSettings {
  return {
    allowOrigins: message.allowOriginStringMatch.map((matcher, i) =>
      compileStringMatcher(matcher, at.field('allow_origin_string_match', i)),
    ),
    allowMethods: wireText(message.allowMethods),
    allowHeaders: wireText(message.allowHeaders),
    exposeHeaders: wireText(message.exposeHeaders),
    maxAge: wireText(message.maxAge),
    allowCredentials: message.allowCredentials ?? null,
    allowPrivateNetworkAccess: message.allowPrivateNetworkAccess ?? null,
    forwardNotMatchingPreflights: message.forwardNotMatchingPreflights ?? null,
    enabled: message.filterEnabled === undefined ? null : compileRuntimeFraction(message.filterEnabled),
    shadowEnabled: message.shadowEnabled === undefined ? null : compileRuntimeFraction(message.shadowEnabled),
  };
}
