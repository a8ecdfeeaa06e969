/** What holds for one route: each field from the most specific level that says it. Behaviour: Envoy's CorsFilter over its policies. */
import { buildStringMatcher, type StringMatcher } from '../../../http/string-matcher.ts';
import type { Random } from '../../../runtime/random.ts';
import type { FractionSettings, RuntimeSnapshot } from '../../../runtime/runtime.ts';
import type { CorsSettings } from './config.ts';

export class CorsPolicy {
  readonly allowMethods: string;
  readonly allowHeaders: string;
  readonly exposeHeaders: string;
  readonly maxAge: string;
  readonly allowCredentials: boolean;
  readonly allowPrivateNetworkAccess: boolean;
  readonly forwardNotMatchingPreflights: boolean;
  readonly #origins: readonly StringMatcher[];
  readonly #enabled: FractionSettings | null;
  readonly #shadowEnabled: FractionSettings | null;

  /** @param levels of which there is at least one; least specific first */
  constructor(levels: readonly CorsSettings[]) {
    const specificFirst = [...levels].reverse();
    const text = (field: 'allowMethods' | 'allowHeaders' | 'exposeHeaders' | 'maxAge') =>
      specificFirst.find((level) => level[field] !== '')?.[field] ?? '';
    const flag = (field: 'allowCredentials' | 'allowPrivateNetworkAccess' | 'forwardNotMatchingPreflights', usual: boolean) =>
      specificFirst.find((level) => level[field] !== null)?.[field] ?? usual;
    this.allowMethods = text('allowMethods');
    this.allowHeaders = text('allowHeaders');
    this.exposeHeaders = text('exposeHeaders');
    this.maxAge = text('maxAge');
    this.allowCredentials = flag('allowCredentials', false);
    this.allowPrivateNetworkAccess = flag('allowPrivateNetworkAccess', false);
    this.forwardNotMatchingPreflights = flag('forwardNotMatchingPreflights', true);
    this.#origins = (specificFirst.find((level) => level.allowOrigins.length > 0)?.allowOrigins ?? []).map(buildStringMatcher);
    this.#enabled = specificFirst[0]!.enabled;
    this.#shadowEnabled = specificFirst[0]!.shadowEnabled;
  }

  isEnabled(runtime: RuntimeSnapshot, random: Random): boolean {
    return this.#enabled === null || drawn(this.#enabled, runtime, random);
  }

  isShadowEnabled(runtime: RuntimeSnapshot, random: Random): boolean {
    return this.#shadowEnabled !== null && drawn(this.#shadowEnabled, runtime, random);
  }

  /** A matcher that matches "*" allows every origin. */
  allows(origin: string): boolean {
    for (let i = 0; i < this.#origins.length; i++) if (this.#origins[i]!.matches('*') || this.#origins[i]!.matches(origin)) return true;
    return false;
  }
}

function drawn(fraction: FractionSettings, runtime: RuntimeSnapshot, random: Random): boolean {
  return runtime.fraction(fraction.runtimeKey, fraction.numerator, fraction.denominator, random.nextU32());
}
