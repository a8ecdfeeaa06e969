/**
 * A token bucket that fills continuously, exact over all threads that share its memory: `max_tokens` at most at once, then
 * `tokens_per_fill` per `fill_interval`. Source: envoy.type.v3.TokenBucket; behaviour: Envoy's AtomicTokenBucketImpl.
 */
import { lockCell, type SharedBlock, unlockCell } from '../lb/shared-blocks.ts';
import type { Clock } from '../runtime/clock.ts';

export interface TokenBucketSettings {
  readonly maxTokens: number;
  readonly tokensPerFill: number;
  readonly fillIntervalMs: number;
}

const LOCK = 0;
/** 1 once `startOnce` was called. */
const STARTED = 1;
/** Doubles: tokens taken and not yet filled up again; when that was so, in Clock.originMs time. All zero is a full bucket. */
const TAKEN = 1;
const AT = 2;
/** Sums of fractions are not exact. */
const ROUNDING = 1e-9;

export class TokenBucket {
  readonly maxTokens: number;
  /** Tokens per millisecond. */
  readonly fillRate: number;
  readonly #clock: Clock;
  /** Held for as long as this lives: a block that nobody holds goes to the next name. */
  readonly #memory: SharedBlock;
  readonly #lock: number;
  readonly #taken: number;
  readonly #at: number;

  /** @param memory see SharedBlocks; localBlock() for a bucket of one thread */
  constructor(settings: TokenBucketSettings, memory: SharedBlock, clock: Clock) {
    this.maxTokens = settings.maxTokens;
    this.fillRate = settings.tokensPerFill / settings.fillIntervalMs;
    this.#clock = clock;
    this.#memory = memory;
    this.#lock = memory.base + LOCK;
    this.#taken = memory.base / 2 + TAKEN;
    this.#at = memory.base / 2 + AT;
  }

  /** Takes `tokens` if they are all there. */
  consume(tokens: number): boolean {
    const now = this.#clock.nowMs() + this.#clock.originMs;
    lockCell(this.#memory.cells, this.#lock);
    const taken = this.#takenAt(now) + tokens;
    const enough = taken <= this.maxTokens + ROUNDING;
    if (enough) this.#set(taken, now);
    unlockCell(this.#memory.cells, this.#lock);
    return enough;
  }

  /** Takes as many whole tokens as there are, `wanted` at most. */
  take(wanted: number): number {
    const now = this.#clock.nowMs() + this.#clock.originMs;
    lockCell(this.#memory.cells, this.#lock);
    const taken = this.#takenAt(now);
    const got = Math.max(0, Math.min(wanted, Math.floor(this.maxTokens - taken + ROUNDING)));
    if (got > 0) this.#set(taken + got, now);
    unlockCell(this.#memory.cells, this.#lock);
    return got;
  }

  /** It holds `tokens` from now on, unless it has been told before. */
  startOnce(tokens: number): void {
    const now = this.#clock.nowMs() + this.#clock.originMs;
    if (Atomics.exchange(this.#memory.cells, this.#lock + STARTED - LOCK, 1) !== 0) return;
    lockCell(this.#memory.cells, this.#lock);
    this.#set(this.maxTokens - tokens, now);
    unlockCell(this.#memory.cells, this.#lock);
  }

  get remaining(): number {
    const now = this.#clock.nowMs() + this.#clock.originMs;
    lockCell(this.#memory.cells, this.#lock);
    const taken = this.#takenAt(now);
    unlockCell(this.#memory.cells, this.#lock);
    return this.maxTokens - taken;
  }

  /** Milliseconds until there is a whole token; 0 = there is one. */
  get nextTokenMs(): number {
    const { remaining } = this;
    return remaining >= 1 - ROUNDING ? 0 : (1 - remaining) / this.fillRate;
  }

  #takenAt(now: number): number {
    const { floats } = this.#memory;
    return Math.max(0, floats[this.#taken]! - Math.max(0, now - floats[this.#at]!) * this.fillRate);
  }

  #set(taken: number, now: number): void {
    const { floats } = this.#memory;
    floats[this.#taken] = taken;
    // Another thread may have read the clock later.
    if (now > floats[this.#at]!) floats[this.#at] = now;
  }
}
