/** All traffic of the process in a few figures, taken every second whether somebody looks or not: what the last quarter of an hour was like. */
import type { StatsAggregate } from '../../stats/aggregate.ts';
import { BINS_PER_DECADE, binLower, binWidth, DECADES } from '../../stats/histogram-bins.ts';
import type { StatNode } from '../../stats/series.ts';
import type { TotalFigures } from '../snapshot.ts';
import { Counters } from './counters.ts';
import { rate, shareOf } from './rates.ts';
import { Ring } from './ring.ts';

export const HISTORY_MS = 900_000;
export const TOTAL_STEP_MS = 1000;
/** The order of the ring's fields. */
export const TOTAL_FIELDS = [
  ...(['rps', 'errors', 'clientErrors', 'p50', 'p90', 'p99', 'active', 'connections'] as const),
  ...(['retriesPerS', 'timeoutsPerS', 'overflowsPerS'] as const),
] as const satisfies readonly (keyof TotalFigures)[];

/** What a look at every cluster adds. */
export interface ClusterTotals {
  readonly retriesPerS: number;
  readonly timeoutsPerS: number;
  readonly overflowsPerS: number;
}

const HTTP = ['downstream_rq_completed', 'downstream_rq_4xx', 'downstream_rq_5xx', 'downstream_rq_total', 'downstream_rq_active'];
const BYTES = ['downstream_cx_rx_bytes_total', 'downstream_cx_tx_bytes_total'];
const CONNECTIONS = ['downstream_cx_total', 'downstream_cx_active'];
/** Of more connection managers percentiles are not worth the time. */
const MAX_HISTOGRAMS = 64;
/** The process's own. */
const OWN = new Set(['admin', 'async-client']);
const BINS = 1 + DECADES * BINS_PER_DECADE;

/** One prefix under "http.", "tcp." or "listener.". */
interface Watched {
  readonly node: StatNode;
  readonly counters: Counters;
}

export class Totals {
  readonly ring = new Ring(TOTAL_FIELDS.length, HISTORY_MS / TOTAL_STEP_MS);
  readonly #stats: StatsAggregate;
  readonly #http = new Map<StatNode, Watched>();
  readonly #tcp = new Map<StatNode, Watched>();
  readonly #listeners = new Map<StatNode, Watched>();
  #binsBefore = new Float64Array(BINS);
  #binsNow = new Float64Array(BINS);
  #lastMs = -1;
  /** This is not the first look. */
  #later = false;

  constructor(stats: StatsAggregate) {
    this.#stats = stats;
  }

  /**
   * The figures of the time since the last call; the first call gives zeros.
   * @param clusters null = nobody looked at them @param nowMs Clock.nowMs()
   */
  sample(nowMs: number, clusters: ClusterTotals | null): TotalFigures {
    this.#later = this.#lastMs >= 0;
    const seconds = this.#lastMs < 0 ? 1 : Math.max(0.001, (nowMs - this.#lastMs) / 1000);
    this.#lastMs = nowMs;
    let [completed, e4, e5, total, active, rx, tx, opened, open] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (const { counters: c } of this.#read('http', this.#http, [...HTTP, ...BYTES])) {
      completed += c.risen(0);
      e4 += c.risen(1);
      e5 += c.risen(2);
      total += c.risen(3);
      active += c.value(4);
      rx += c.risen(5);
      tx += c.risen(6);
    }
    for (const { counters: c } of this.#read('tcp', this.#tcp, BYTES)) {
      rx += c.risen(0);
      tx += c.risen(1);
    }
    for (const { counters: c } of this.#read('listener', this.#listeners, CONNECTIONS)) {
      opened += c.risen(0);
      open += c.value(1);
    }
    const [p50, p90, p99] = this.#percentiles();
    return {
      rps: rate(total, seconds),
      active,
      errors: shareOf(e5, completed),
      clientErrors: shareOf(e4, completed),
      p50: p50!,
      p90: p90!,
      p99: p99!,
      connections: open,
      connectionsPerS: rate(opened, seconds),
      rxBytesPerS: rate(rx, seconds),
      txBytesPerS: rate(tx, seconds),
      ...(clusters ?? { retriesPerS: 0, timeoutsPerS: 0, overflowsPerS: 0 }),
    };
  }

  /** @param looked somebody looked at the clusters, so that their sums are known */
  keep(nowMs: number, figures: TotalFigures, looked: boolean): void {
    const values = TOTAL_FIELDS.map((field, i) => (i >= TOTAL_FIELDS.length - 3 && !looked ? null : figures[field]) ?? Number.NaN);
    this.ring.put(Math.floor(nowMs / TOTAL_STEP_MS), values);
  }

  #read(segment: string, known: Map<StatNode, Watched>, names: readonly string[]): Iterable<Watched> {
    const parent = this.#stats.root.known(segment, '');
    if (parent !== null) {
      for (const node of parent.children) {
        if (OWN.has(node.tokens[1]!)) continue;
        let watched = known.get(node);
        if (watched === undefined) {
          watched = { node, counters: new Counters(names, this.#later) };
          known.set(node, watched);
        }
        watched.counters.read(node);
      }
    }
    return known.values();
  }

  /** 50, 90 and 99 percent of what has been recorded since the last call. */
  #percentiles(): readonly (number | null)[] {
    if (this.#http.size > MAX_HISTOGRAMS) return [null, null, null];
    const now = this.#binsNow.fill(0);
    for (const { node } of this.#http.values()) {
      const series = node.named('downstream_rq_time');
      if (series === null) continue;
      const { bins, counts } = series.collect().cumulative;
      for (let i = 0; i < bins.length; i++) now[bins[i]!]! += counts[i]!;
    }
    const before = this.#binsBefore;
    let total = 0;
    for (let bin = 0; bin < BINS; bin++) {
      const count = now[bin]! - before[bin]!;
      before[bin] = count;
      total += count;
    }
    const found = total <= 0 || !this.#later ? [null, null, null] : [0.5, 0.9, 0.99].map((share) => quantile(before, total, share));
    this.#binsNow = before;
    this.#binsBefore = now;
    return found;
  }
}

function quantile(counts: Float64Array, total: number, share: number): number {
  const rank = Math.max(1, Math.ceil(share * total));
  let below = 0;
  let bin = 0;
  while (below + counts[bin]! < rank) below += counts[bin++]!;
  return Number((binLower(bin) + (binWidth(bin) * (rank - below)) / (counts[bin]! + 1)).toPrecision(3));
}
