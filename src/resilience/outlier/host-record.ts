/** What the control thread remembers of one host's ejections. It is forgotten with the host. */
import type { EjectionType } from './outlier-stats.ts';

export class OutlierHost {
  /** Offset of the host's cells in the slab: its identity. */
  readonly slot: number;
  /** "ip:port", as the event log names it. Changes for a logical host. */
  upstream: string;
  ejections = 0;
  /** Why it was ejected last; null = never. */
  ejectedFor: EjectionType | null = null;
  /** How many base times the next ejection lasts. Goes down again while the host does well. */
  backOff = 0;
  degradedBackOff = 0;
  /** Clock times; -1 = never. */
  ejectedAtMs = -1;
  unejectedAtMs = -1;
  degradedAtMs = -1;
  undegradedAtMs = -1;
  jitterMs = 0;
  degradedJitterMs = 0;
  /** Of the last interval in percent, by origin; -1 = too few requests. */
  readonly successRates: [number, number] = [-1, -1];

  constructor(slot: number, upstream: string) {
    this.slot = slot;
    this.upstream = upstream;
  }
}
