/**
 * The buckets of one configuration: one for all requests, one for each descriptor, and those that wildcard descriptors make of what they
 * meet. Behaviour: Envoy's LocalRateLimiterImpl.
 */
import { localBlock, type SharedBlock } from '../../../lb/shared-blocks.ts';
import { TokenBucket } from '../../../resilience/token-bucket.ts';
import type { RateLimitDescriptor } from '../../../route/rate-limit/rate-limits.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { DynamicBuckets } from './dynamic-buckets.ts';
import type { LocalDescriptorSettings, LocalRateLimitSettings } from './settings.ts';

/** Memory for a bucket, by its name within the configuration. */
export type BucketMemory = (name: string) => SharedBlock;

export const ownMemory: BucketMemory = () => localBlock();

interface Match {
  readonly bucket: TokenBucket;
  readonly descriptor: RateLimitDescriptor;
  readonly shadow: boolean;
}

class Wildcard {
  readonly entries: LocalDescriptorSettings['entries'];
  readonly shadow: boolean;
  readonly buckets: DynamicBuckets;

  constructor(settings: LocalDescriptorSettings, buckets: DynamicBuckets) {
    this.entries = settings.entries;
    this.shadow = settings.shadow;
    this.buckets = buckets;
  }

  matches({ keys, values }: RateLimitDescriptor): boolean {
    const { entries } = this;
    if (entries.length !== keys.length) return false;
    for (let i = 0; i < entries.length; i++) {
      const { key, value } = entries[i]!;
      if (key !== keys[i] || (value !== '' && value !== values[i])) return false;
    }
    return true;
  }
}

const SEPARATOR = '\x00';

function nameOf(keys: readonly string[], values: readonly string[]): string {
  let name = '';
  for (let i = 0; i < keys.length; i++) name += keys[i]! + SEPARATOR + values[i]! + SEPARATOR;
  return name;
}

export class Limiter {
  /** What the last request was measured by: its answer tells of it. null = by nothing. */
  bucket: TokenBucket | null = null;
  /** Of the descriptor that it was measured by; null = as the filter says. */
  xRateLimitHeaders: boolean | null = null;
  readonly #default: TokenBucket | null;
  readonly #alwaysDefault: boolean;
  readonly #exact = new Map<string, { readonly bucket: TokenBucket; readonly shadow: boolean }>();
  readonly #wildcards: Wildcard[] = [];

  constructor(settings: LocalRateLimitSettings, memory: BucketMemory, clock: Clock) {
    this.#default = settings.bucket === null ? null : new TokenBucket(settings.bucket, memory('default'), clock);
    this.#alwaysDefault = settings.alwaysConsumeDefault;
    for (const descriptor of settings.descriptors) {
      const keys = descriptor.entries.map(({ key }) => key);
      const values = descriptor.entries.map(({ value }) => value);
      const name = nameOf(keys, values);
      if (values.includes('')) {
        const buckets = new DynamicBuckets(descriptor.bucket, settings.maxDynamicDescriptors, (part) => memory(name + part), clock);
        this.#wildcards.push(new Wildcard(descriptor, buckets));
      } else this.#exact.set(name, { bucket: new TokenBucket(descriptor.bucket, memory(name), clock), shadow: descriptor.shadow });
    }
  }

  /** @param weight tokens that one hit takes */
  allows(descriptors: readonly RateLimitDescriptor[], weight: number): boolean {
    this.bucket = null;
    this.xRateLimitHeaders = null;
    const matches = descriptors.length === 0 ? NO_MATCHES : this.#match(descriptors);
    for (let i = 0; i < matches.length; i++) {
      const { bucket, descriptor, shadow } = matches[i]!;
      const hits = descriptor.hits ?? 1;
      // As in Envoy a hits_addend of 0 is never granted.
      if ((hits > 0 && bucket.consume(hits * weight)) || shadow) continue;
      this.#measuredBy(matches[i]!);
      return false;
    }
    if (matches.length > 0) this.#measuredBy(matches[0]!);
    if (this.#default === null || (matches.length > 0 && !this.#alwaysDefault)) return true;
    const allowed = this.#default.consume(weight);
    if (!allowed || matches.length === 0) {
      this.bucket = this.#default;
      this.xRateLimitHeaders = null;
    }
    return allowed;
  }

  #measuredBy({ bucket, descriptor }: Match): void {
    this.bucket = bucket;
    this.xRateLimitHeaders = descriptor.settings.xRateLimitHeaders;
  }

  /** Slowest first: who asks for what fills slowly must not use up what others share. */
  #match(descriptors: readonly RateLimitDescriptor[]): readonly Match[] {
    const matches: Match[] = [];
    for (let i = 0; i < descriptors.length; i++) {
      const descriptor = descriptors[i]!;
      const name = nameOf(descriptor.keys, descriptor.values);
      const exact = this.#exact.get(name);
      if (exact !== undefined) {
        matches.push({ bucket: exact.bucket, descriptor, shadow: exact.shadow });
        continue;
      }
      for (let k = 0; k < this.#wildcards.length; k++) {
        const wildcard = this.#wildcards[k]!;
        if (!wildcard.matches(descriptor)) continue;
        matches.push({ bucket: wildcard.buckets.of(name), descriptor, shadow: wildcard.shadow });
        break;
      }
    }
    return matches.length > 1 ? matches.sort(bySlowness) : matches;
  }
}

const NO_MATCHES: readonly Match[] = [];

function bySlowness(a: Match, b: Match): number {
  return a.bucket.fillRate - b.bucket.fillRate;
}
