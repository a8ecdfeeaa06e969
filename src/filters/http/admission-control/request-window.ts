/** How many requests succeeded in the last seconds, a second at a time. Source: Envoy's ThreadLocalControllerImpl. */
import type { Clock } from '../../../runtime/clock.ts';

const SLOT_MS = 1000;

export class RequestWindow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /** A ring; a slot begins with the first request after the one before it was full. */
  readonly #beginMs: Float64Array;
  readonly #requests: Float64Array;
  readonly #successes: Float64Array;
  #first: number;
  #count: number;
  /** Sums over the ring. */
  requests: number;
  successes: number;

  constructor(clock: Clock, windowS: number) {
    const slots = windowS + 2;
    this.#clock = clock;
    this.#windowMs = windowS * 1000;
    this.#beginMs = new Float64Array(slots);
    this.#requests = new Float64Array(slots);
    this.#successes = new Float64Array(slots);
    this.#first = 0;
    this.#count = 0;
    this.requests = 0;
    this.successes = 0;
  }

  record(success: boolean): void {
    const last = this.#update(this.#clock.nowMs());
    this.requests++;
    this.#requests[last]!++;
    if (!success) return;
    this.successes++;
    this.#successes[last]!++;
  }

  /** Forgets what is too old. To be called before the sums are read. */
  refresh(): void {
    this.#update(this.#clock.nowMs());
  }

  /** Over the time since the oldest second that is remembered. */
  averageRps(): number {
    const now = this.#clock.nowMs();
    this.#update(now);
    if (this.requests === 0) return 0;
    return Math.trunc(this.requests / Math.max(1, Math.trunc((now - this.#beginMs[this.#first]!) / 1000)));
  }

  /** @returns the slot of now */
  #update(now: number): number {
    const slots = this.#beginMs.length;
    while (this.#count > 0 && now - this.#beginMs[this.#first]! >= this.#windowMs) {
      this.requests -= this.#requests[this.#first]!;
      this.successes -= this.#successes[this.#first]!;
      this.#first = (this.#first + 1) % slots;
      this.#count--;
    }
    let last = (this.#first + this.#count - 1 + slots) % slots;
    if (this.#count === 0 || now - this.#beginMs[last]! >= SLOT_MS) {
      last = (this.#first + this.#count) % slots;
      this.#beginMs[last] = now;
      this.#requests[last] = 0;
      this.#successes[last] = 0;
      this.#count++;
    }
    return last;
  }
}
