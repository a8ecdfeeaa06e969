/**
 * PINGs that find out whether the peer is still there. Source: envoy.config.core.v3.KeepaliveSettings. One PING is under way at a time.
 */
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { Http2KeepaliveSettings } from './settings.ts';

/** What a keep-alive needs of its session. */
export interface KeepaliveOwner {
  sendKeepalive(): void;
  onKeepaliveTimeout(): void;
}

const TIMER_INTERVAL = 0;
const TIMER_TIMEOUT = 1;

export class Keepalive implements TimerTarget {
  readonly #owner: KeepaliveOwner;
  readonly #settings: Http2KeepaliveSettings;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #interval: Timer;
  readonly #timeout: Timer;
  #lastActivityMs: number;

  constructor(owner: KeepaliveOwner, settings: Http2KeepaliveSettings, clock: Clock, random: Random) {
    this.#owner = owner;
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
    this.#interval = new Timer(this, TIMER_INTERVAL);
    this.#timeout = new Timer(this, TIMER_TIMEOUT);
    this.#lastActivityMs = clock.nowMs();
  }

  start(): void {
    const { intervalMs, jitterPercent } = this.#settings;
    if (intervalMs === 0) return;
    const jitterMs = Math.floor((intervalMs * jitterPercent) / 100);
    this.#clock.arm(this.#interval, intervalMs + (jitterMs > 0 ? this.#random.nextU32() % jitterMs : 0));
  }

  stop(): void {
    this.#clock.disarm(this.#interval);
    this.#clock.disarm(this.#timeout);
  }

  onActivity(): void {
    if (this.#settings.idleIntervalMs > 0) this.#lastActivityMs = this.#clock.nowMs();
    // Whoever sends is alive, even if the acknowledgement is stuck behind other frames.
    if (this.#timeout.armed) this.#clock.arm(this.#timeout, this.#settings.timeoutMs);
  }

  /** A stream begins: after an idle time the connection may be dead. */
  onStream(): void {
    const idleMs = this.#settings.idleIntervalMs;
    if (idleMs === 0) return;
    const now = this.#clock.nowMs();
    if (now - this.#lastActivityMs >= idleMs) this.#send();
    this.#lastActivityMs = now;
  }

  onAck(): void {
    this.#clock.disarm(this.#timeout);
    this.start();
  }

  onTimer(timer: Timer): void {
    if (timer.kind === TIMER_INTERVAL) this.#send();
    else this.#owner.onKeepaliveTimeout();
  }

  #send(): void {
    if (this.#timeout.armed) return;
    this.#owner.sendKeepalive();
    this.#clock.arm(this.#timeout, this.#settings.timeoutMs);
  }
}
