/** Hierarchical timing wheel (Varghese & Lauck): arming and disarming cost O(1) and allocate nothing. */
import { Timer, type TimerTarget } from './clock.ts';

export const TICK_MS = 10;
const ROOT_BITS = 8;
const LEVEL_BITS = 6;
const ROOT_SIZE = 1 << ROOT_BITS;
const LEVEL_SIZE = 1 << LEVEL_BITS;
const UPPER_LEVELS = 3;
/** About 7.7 days. A longer delay expires early at this bound; no timeout of a proxy is that long. */
const MAX_TICKS = 2 ** (ROOT_BITS + LEVEL_BITS * UPPER_LEVELS) - 1;

const NOBODY: TimerTarget = { onTimer: () => undefined };

function emptyList(): Timer {
  const head = new Timer(NOBODY, 0);
  head.prev = head;
  head.next = head;
  return head;
}

export class TimerWheel {
  readonly #slots: Timer[];
  /** Timers armed per level: level 0 first. Lets `ticksToNext` skip empty levels. */
  readonly #counts: number[];
  #now: number;

  constructor() {
    this.#slots = Array.from({ length: ROOT_SIZE + LEVEL_SIZE * UPPER_LEVELS }, emptyList);
    this.#counts = [0, 0, 0, 0];
    this.#now = 0;
  }

  /** The tick up to which timers have expired. */
  get now(): number {
    return this.#now;
  }

  get size(): number {
    return this.#counts[0]! + this.#counts[1]! + this.#counts[2]! + this.#counts[3]!;
  }

  arm(timer: Timer, deadlineTick: number): void {
    if (timer.armed) this.disarm(timer);
    const ahead = deadlineTick - this.#now;
    timer.deadlineTick = ahead < 1 ? this.#now + 1 : ahead > MAX_TICKS ? this.#now + MAX_TICKS : deadlineTick;
    this.#link(timer);
  }

  disarm(timer: Timer): void {
    if (!timer.armed) return;
    this.#unlink(timer);
  }

  /** Ticks from `now` until something may have to be done; Infinity when nothing is armed. Never later than the next expiry. */
  ticksToNext(): number {
    if (this.#counts[0]! > 0) {
      for (let i = 1; i <= ROOT_SIZE; i++) {
        const head = this.#slots[(this.#now + i) & (ROOT_SIZE - 1)]!;
        if (head.next !== head) return i;
      }
    }
    if (this.size === 0) return Number.POSITIVE_INFINITY;
    return ROOT_SIZE - (this.#now & (ROOT_SIZE - 1));
  }

  /** Moves time to `tick` and calls every timer that is due, in order of expiry. A timer armed on the way may expire too. */
  advance(tick: number): void {
    // After an exception the slot of `now` may not be empty yet.
    this.#expire();
    while (this.#now < tick) {
      if (this.size === 0) {
        this.#now = tick;
        return;
      }
      this.#now++;
      if ((this.#now & (ROOT_SIZE - 1)) === 0) this.#cascade(1);
      this.#expire();
    }
  }

  #expire(): void {
    const head = this.#slots[this.#now & (ROOT_SIZE - 1)]!;
    while (head.next !== head) {
      const timer = head.next!;
      this.#unlink(timer);
      timer.target.onTimer(timer);
    }
  }

  #cascade(level: number): void {
    if (level > UPPER_LEVELS) return;
    const index = Math.floor(this.#now / 2 ** (ROOT_BITS + LEVEL_BITS * (level - 1))) & (LEVEL_SIZE - 1);
    if (index === 0) this.#cascade(level + 1);
    const head = this.#slots[ROOT_SIZE + (level - 1) * LEVEL_SIZE + index]!;
    while (head.next !== head) {
      const timer = head.next!;
      this.#unlink(timer);
      this.#link(timer);
    }
  }

  #slotOf(timer: Timer): number {
    const ahead = timer.deadlineTick - this.#now;
    if (ahead < ROOT_SIZE) return timer.deadlineTick & (ROOT_SIZE - 1);
    for (let level = 1; level <= UPPER_LEVELS; level++) {
      const shift = ROOT_BITS + LEVEL_BITS * (level - 1);
      if (ahead < 2 ** (shift + LEVEL_BITS) || level === UPPER_LEVELS) {
        return ROOT_SIZE + (level - 1) * LEVEL_SIZE + (Math.floor(timer.deadlineTick / 2 ** shift) & (LEVEL_SIZE - 1));
      }
    }
    return 0;
  }

  #link(timer: Timer): void {
    const slot = this.#slotOf(timer);
    const head = this.#slots[slot]!;
    timer.prev = head.prev;
    timer.next = head;
    head.prev!.next = timer;
    head.prev = timer;
    timer.armed = true;
    timer.level = levelOf(slot);
    this.#counts[timer.level]!++;
  }

  #unlink(timer: Timer): void {
    timer.prev!.next = timer.next;
    timer.next!.prev = timer.prev;
    timer.prev = null;
    timer.next = null;
    timer.armed = false;
    this.#counts[timer.level]!--;
  }
}

function levelOf(slot: number): number {
  return slot < ROOT_SIZE ? 0 : 1 + ((slot - ROOT_SIZE) >> LEVEL_BITS);
}
