/** CSRF settings, of the filter and of routes. Source: envoy.extensions.filters.http.csrf.v3.CsrfPolicy. */
import type { CompileContext } from '../../../config/context.ts';
import type { CsrfPolicy } from '../../../config/gen/envoy/extensions/filters/http/csrf/v3/csrf_pb.js';
import { compileRuntimeFraction, compileStringMatcher } from '../../../http/config.ts';
import type { StringMatcherSettings } from '../../../http/string-matcher.ts';
import type { FractionSettings } from '../../../runtime/runtime.ts';

export interface CsrfSettings {
  readonly enabled: FractionSettings;
  /** Counted, and never refused. */
  readonly shadowEnabled: FractionSettings;
  /** Besides the request's own host. */
  readonly additionalOrigins: readonly StringMatcherSettings[];
}

const NEVER: FractionSettings = Object.freeze({ runtimeKey: '', numerator: 0, denominator: 100 });

export function compileCsrf(message: CsrfPolicy, at: CompileContext): CsrfSettings {
  return {
    // Required by the message's own rules.
    enabled: message.filterEnabled === undefined ? NEVER : compileRuntimeFraction(message.filterEnabled),
    shadowEnabled: message.shadowEnabled === undefined ? NEVER : compileRuntimeFraction(message.shadowEnabled),
    additionalOrigins: message.additionalOrigins.map((matcher, i) => compileStringMatcher(matcher, at.field('additional_origins', i))),
  };
}
