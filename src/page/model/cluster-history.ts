/** The last quarter of an hour of the clusters that were busy last, while somebody looks: a fixed number of them. */
import type { ClusterFigures } from '../snapshot.ts';
import { Latencies } from '../worker/latency-bins.ts';
import { Ring } from './ring.ts';
import { HISTORY_MS } from './totals.ts';

export const CLUSTER_STEP_MS = 5000;
export const MAX_CLUSTERS = 256;
export const CLUSTER_FIELDS = ['rps', 'errors', 'p50', 'p99', 'retriesPerS', 'timeoutsPerS', 'overflowsPerS', 'active'] as const;

class Kept {
  readonly ring = new Ring(CLUSTER_FIELDS.length, HISTORY_MS / CLUSTER_STEP_MS);
  readonly latencies = new Latencies();
  /** Sums over the seconds of the step. */
  readonly sums = new Float64Array(CLUSTER_FIELDS.length);
  failures = 0;
  seconds = 0;
  lastBusyMs = 0;
}

export class ClusterHistory {
  readonly #kept = new Map<string, Kept>();
  #step = -1;

  get size(): number {
    return this.#kept.size;
  }

  /** What a cluster did in this second. @param latencies of it; read here, not kept */
  add(name: string, figures: ClusterFigures, latencies: Latencies, nowMs: number): void {
    const kept = this.#kept.get(name) ?? this.#make(name, figures.rps > 0, nowMs);
    if (kept === null) return;
    if (figures.rps > 0) kept.lastBusyMs = nowMs;
    const { sums } = kept;
    sums[0]! += figures.rps;
    kept.failures += figures.errors * figures.rps;
    sums[4]! += figures.retriesPerS;
    sums[5]! += figures.timeoutsPerS;
    sums[6]! += figures.overflowsPerS;
    sums[7]! += figures.breakers[0].requests + figures.breakers[1].requests;
    kept.latencies.addAll(latencies);
    kept.seconds++;
  }

  /** Ends a step when its time has come; once a second. */
  turn(nowMs: number): void {
    const step = Math.floor(nowMs / CLUSTER_STEP_MS);
    if (step === this.#step) return;
    const ended = this.#step;
    this.#step = step;
    if (ended < 0) return;
    for (const kept of this.#kept.values()) {
      const { sums, seconds } = kept;
      const [p50, p99] = kept.latencies.quantiles([0.5, 0.99]);
      const values = Float64Array.from(sums, (sum) => (seconds === 0 ? 0 : sum / seconds));
      values[1] = sums[0] === 0 ? 0 : kept.failures / sums[0]!;
      values[2] = p50 ?? Number.NaN;
      values[3] = p99 ?? Number.NaN;
      kept.ring.put(ended, values);
      sums.fill(0);
      kept.failures = 0;
      kept.seconds = 0;
      kept.latencies.clear();
    }
  }

  forget(name: string): void {
    this.#kept.delete(name);
  }

  ring(name: string): Ring | null {
    return this.#kept.get(name)?.ring ?? null;
  }

  /** null: there are as many as may be, all busier. */
  #make(name: string, busy: boolean, nowMs: number): Kept | null {
    if (!busy) return null;
    if (this.#kept.size >= MAX_CLUSTERS) {
      let oldest = '';
      let oldestMs = nowMs - CLUSTER_STEP_MS;
      for (const [other, { lastBusyMs }] of this.#kept) {
        if (lastBusyMs >= oldestMs) continue;
        oldest = other;
        oldestMs = lastBusyMs;
      }
      if (oldest === '') return null;
      this.#kept.delete(oldest);
    }
    const kept = new Kept();
    this.#kept.set(name, kept);
    return kept;
  }
}
