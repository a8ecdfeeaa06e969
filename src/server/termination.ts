/**
 * The way out after SIGTERM: no new inbound connections, those that are open are asked to close, outbound listeners keep working for
 * the application's own shutdown. Over when no connection is left, or when the grace is.
 */
import type { Clock } from '../runtime/clock.ts';
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Workers } from './workers.ts';

const LOOK_EVERY_MS = 50;

export class Termination implements TimerTarget {
  readonly #workers: Workers;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #deadlineMs: number;
  readonly #done: () => void;
  readonly #timer: Timer;
  /** Of its own: a worker that does not answer must not hold up the end. */
  readonly #deadline: Timer;
  #connections = 0;

  constructor(workers: Workers, clock: Clock, logger: Logger, graceMs: number, done: () => void) {
    this.#workers = workers;
    this.#clock = clock;
    this.#logger = logger;
    this.#deadlineMs = clock.nowMs() + graceMs;
    this.#done = done;
    this.#timer = new Timer(this, 0);
    this.#deadline = new Timer(this, 1);
  }

  get secondsLeft(): number {
    return Math.max(0, (this.#deadlineMs - this.#clock.nowMs()) / 1000);
  }

  async start(): Promise<void> {
    this.#clock.arm(this.#deadline, this.#deadlineMs - this.#clock.nowMs());
    this.#connections = await this.#workers.connectionCount().catch(() => 0);
    this.#logger.info('terminating: draining connections', { connections: this.#connections, graceS: Math.round(this.secondsLeft) });
    // A worker that dies now is told by its successor's replay.
    await this.#workers.tell({ kind: 'terminate' }).catch(() => undefined);
    await this.#look();
  }

  cancel(): void {
    this.#clock.disarm(this.#deadline);
    this.#clock.disarm(this.#timer);
  }

  onTimer(timer: Timer): void {
    if (timer === this.#timer) {
      void this.#look();
      return;
    }
    this.#logger.warn('termination grace is over: closing what is left', { connections: this.#connections });
    this.#done();
  }

  async #look(): Promise<void> {
    this.#connections = await this.#workers.connectionCount().catch(() => 0);
    if (this.#connections === 0) this.#done();
    else this.#clock.arm(this.#timer, LOOK_EVERY_MS);
  }
}
