/** Time, as everything outside `src/runtime` sees it. Timers are nodes that their owner keeps and arms again and again. */

export interface TimerTarget {
  /** `timer` has expired and is disarmed; it may be armed again from here. */
  onTimer(timer: Timer): void;
}

/** An intrusive timer: one object an owner allocates once, linked into the wheel while armed. */
export class Timer {
  readonly target: TimerTarget;
  /** Lets one target tell its timers apart. */
  readonly kind: number;
  /** Wheel tick at which it expires; meaningless while disarmed. */
  deadlineTick: number;
  armed: boolean;
  /** Wheel level that holds it while armed. */
  level: number;
  prev: Timer | null;
  next: Timer | null;

  constructor(target: TimerTarget, kind: number) {
    this.target = target;
    this.kind = kind;
    this.deadlineTick = 0;
    this.armed = false;
    this.level = 0;
    this.prev = null;
    this.next = null;
  }
}

export interface Clock {
  /** Monotonic milliseconds, with fractions. */
  nowMs(): number;
  /** `nowMs() + originMs` is the same in every thread of the process: for times that threads share. */
  readonly originMs: number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** (Re-)arms `timer` to expire `delayMs` from now, never early, at most one tick (10 ms) late when the loop is free. */
  arm(timer: Timer, delayMs: number): void;
  disarm(timer: Timer): void;
}
