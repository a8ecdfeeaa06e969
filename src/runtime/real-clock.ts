/** The clock of a running process: one Node timer drives the wheel, and sleeps until the next expiry. */
import type { Clock, Timer } from './clock.ts';
import { TICK_MS, TimerWheel } from './timer-wheel.ts';

export class RealClock implements Clock {
  readonly #wheel = new TimerWheel();
  readonly originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  readonly #startMs = performance.now();
  /** Called after timers ran, so that what they wrote leaves in the same turn. */
  readonly #afterTimers: () => void;
  /** Receives what a timer threw: one timer's exception must not cost the others. */
  readonly #onException: (error: unknown) => void;
  #driver: NodeJS.Timeout | null = null;
  #driverTick = Number.POSITIVE_INFINITY;
  readonly #onDriver = () => this.#tick();

  constructor(
    afterTimers: () => void = () => undefined,
    onException: (error: unknown) => void = (error) => {
      throw error;
    },
  ) {
    this.#afterTimers = afterTimers;
    this.#onException = onException;
  }

  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  arm(timer: Timer, delayMs: number): void {
    // Ceiling plus the tick under way: a timer never expires early.
    const tick = Math.ceil((performance.now() - this.#startMs + delayMs) / TICK_MS);
    this.#wheel.arm(timer, tick);
    if (timer.deadlineTick < this.#driverTick) this.#schedule(timer.deadlineTick);
  }

  disarm(timer: Timer): void {
    // The driver is left as it is: waking once for nothing is cheaper than re-arming it on every request.
    this.#wheel.disarm(timer);
  }

  #tick(): void {
    this.#driver = null;
    this.#driverTick = Number.POSITIVE_INFINITY;
    const tick = Math.floor((performance.now() - this.#startMs) / TICK_MS);
    // The wheel goes on where an exception stopped it.
    for (let more = tick > this.#wheel.now; more; ) {
      try {
        this.#wheel.advance(tick);
        more = false;
      } catch (error) {
        this.#onException(error);
      }
    }
    this.#afterTimers();
    const ahead = this.#wheel.ticksToNext();
    if (ahead !== Number.POSITIVE_INFINITY && this.#wheel.now + ahead < this.#driverTick) this.#schedule(this.#wheel.now + ahead);
  }

  #schedule(tick: number): void {
    if (this.#driver !== null) clearTimeout(this.#driver);
    this.#driverTick = tick;
    const delayMs = Math.max(1, Math.ceil(this.#startMs + tick * TICK_MS - performance.now()));
    this.#driver = setTimeout(this.#onDriver, delayMs);
    // Timers never keep a process alive by themselves: sockets and servers do.
    this.#driver.unref();
  }
}
