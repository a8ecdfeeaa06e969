/** A clock that moves only when told to: for tests and for simulations. */
import type { Clock, Timer } from './clock.ts';
import { TICK_MS, TimerWheel } from './timer-wheel.ts';

export class SimulatedClock implements Clock {
  readonly #wheel = new TimerWheel();
  readonly originMs = 0;
  #nowMs = 0;
  readonly #wallOriginMs: number;

  constructor(wallOriginMs = 1_700_000_000_000) {
    this.#wallOriginMs = wallOriginMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallOriginMs + this.#nowMs;
  }

  arm(timer: Timer, delayMs: number): void {
    this.#wheel.arm(timer, Math.ceil((this.#nowMs + delayMs) / TICK_MS));
  }

  disarm(timer: Timer): void {
    this.#wheel.disarm(timer);
  }

  /** How many timers wait to expire. */
  get armed(): number {
    return this.#wheel.size;
  }

  /** Lets `ms` pass; timers expire on the way, each seeing the time it was due at. */
  advance(ms: number): void {
    const end = this.#nowMs + ms;
    for (;;) {
      const next = (this.#wheel.now + this.#wheel.ticksToNext()) * TICK_MS;
      if (next > end) break;
      this.#nowMs = Math.max(this.#nowMs, next);
      this.#wheel.advance(next / TICK_MS);
    }
    this.#nowMs = end;
    this.#wheel.advance(Math.floor(end / TICK_MS));
  }
}
