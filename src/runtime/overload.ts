/**
 * What the overload manager has decided, as every thread reads it: one shared cell for each decision, written by the control thread alone.
 * Nobody pays while all is well: `any` is one array access.
 */
import type { Random } from './random.ts';

/** Cells. Each holds a probability in parts per million. */
export const Overload = {
  /** How many of the others are not zero. */
  Any: 0,
  StopRequests: 1,
  DisableKeepalive: 2,
  RejectConnections: 3,
  ReduceTimeouts: 4,
  // Load-shed points.
  TcpAccept: 5,
  DecodeHeaders: 6,
  Http1Dispatch: 7,
  FilterCheck: 8,
  CreateCodec: 9,
  NewUpstreamConnection: 10,
  Http2GoAway: 11,
  Http2GoAwayAndClose: 12,
} as const;
export type Overload = (typeof Overload)[keyof typeof Overload];

const CELLS = 16;
/** Saturated: certainly. */
export const SATURATED = 1_000_000;

export function newOverloadCells(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * 4);
}

/** Timers that shrink under pressure. Source: ScaleTimersOverloadActionConfig.TimerType. */
export const ScaledTimer = { ConnectionIdle: 0, StreamIdle: 1, ConnectionMax: 2, TransportSocketConnect: 3 } as const;
export type ScaledTimer = (typeof ScaledTimer)[keyof typeof ScaledTimer];

/** How far a timer may shrink: to `minMs`, or to the share `minScale` (0..1) of its full length. */
export interface TimerScaling {
  readonly timer: ScaledTimer;
  readonly minMs: number | null;
  readonly minScale: number;
}

/** What a thread must know of the overload manager's configuration. */
export interface OverloadReaderSettings {
  /** Cell of each configured load-shed point, by Envoy's name. */
  readonly points: Readonly<Record<string, Overload>>;
  readonly timers: readonly TimerScaling[];
  /** Milliseconds between two looks at the pressure. */
  readonly refreshIntervalMs: number;
}

interface Counts {
  inc(): void;
}

const TIMERS = Object.keys(ScaledTimer).length;

export class OverloadState {
  readonly #cells: Int32Array;
  readonly #random: Random | null;
  readonly #sheds: (Counts | null)[];
  readonly #scalings: (TimerScaling | null)[];
  #lookMs: number;

  /** @param cells over what `newOverloadCells` made @param random null = nothing will ever be shed */
  constructor(cells: SharedArrayBuffer | null, random: Random | null) {
    this.#cells = cells === null ? new Int32Array(CELLS) : new Int32Array(cells);
    this.#random = random;
    this.#sheds = new Array<Counts | null>(CELLS).fill(null);
    this.#scalings = new Array<TimerScaling | null>(TIMERS).fill(null);
    this.#lookMs = 0;
  }

  /** @param counter of `overload.<point>.shed_load_count` */
  configure(settings: OverloadReaderSettings, counter: (point: string) => Counts): void {
    for (const [name, cell] of Object.entries(settings.points)) this.#sheds[cell] = counter(name);
    for (const scaling of settings.timers) this.#scalings[scaling.timer] = scaling;
    this.#lookMs = Math.max(10, settings.refreshIntervalMs);
  }

  /** Some action or load-shed point is active. */
  get any(): boolean {
    return this.#cells[Overload.Any] !== 0;
  }

  /** Draws: true with the probability that the action has now. */
  active(action: Overload): boolean {
    const value = this.#cells[action]!;
    return value !== 0 && (value >= SATURATED || this.#random!.below(SATURATED) < value);
  }

  /** As `active`, for a load-shed point: counts what it sheds. */
  shed(point: Overload): boolean {
    if (!this.active(point)) return false;
    this.#sheds[point]?.inc();
    return true;
  }

  /** How long `timer`, whose full length is `maxMs`, lasts under the pressure of the moment: min + (max - min) × (1 - scale). */
  timeoutMs(timer: ScaledTimer, maxMs: number): number {
    const scaling = this.#scalings[timer]!;
    const value = this.#cells[Overload.ReduceTimeouts]!;
    if (scaling === null || value === 0) return maxMs;
    const minMs = scaling.minMs === null ? maxMs * scaling.minScale : Math.min(scaling.minMs, maxMs);
    return minMs + (maxMs - minMs) * (1 - Math.min(1, value / SATURATED));
  }

  /** What to arm `timer` with that is due in `dueMs`: a timer that may shrink is looked at as often as the pressure is. */
  lookMs(timer: ScaledTimer, dueMs: number): number {
    return this.#scalings[timer] === null ? dueMs : Math.min(dueMs, this.#lookMs);
  }
}

/** Of a proxy without overload manager. */
export const NEVER_OVERLOADED = new OverloadState(null, null);
