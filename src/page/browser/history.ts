/** Series of the last 15 minutes that are drawn together: what the proxy has kept, and what has come since. */
import type { PageHistory } from '../snapshot.ts';

const SPAN_MS = 15 * 60_000;

export class HistoryGroup {
  readonly names: readonly string[];
  /** Seconds since the epoch, oldest first. */
  times: number[] = [];
  /** For each name, as many as there are times. */
  values: (number | null)[][];

  constructor(names: readonly string[]) {
    this.names = names;
    this.values = names.map(() => []);
  }

  /** True when something between what is drawn and this moment is missing. */
  lacks(wallMs: number): boolean {
    const last = this.times.at(-1);
    return last === undefined || wallMs / 1000 - last > 3;
  }

  /** What the proxy has kept takes the place of what has come up to its end. */
  fill(history: PageHistory): void {
    const kept = this.names.map((name) => history.series.find((s) => s.name === name));
    const known = kept.find((s) => s !== undefined && s.values.length > 0);
    if (known === undefined) return;
    const until = known.untilWallMs / 1000;
    const from = this.times.findIndex((time) => time > until);
    const newer = from < 0 ? this.times.length : from;
    const times = known.values.map((_, i) => until - ((known.values.length - 1 - i) * known.stepMs) / 1000);
    this.times = [...times, ...this.times.slice(newer)];
    this.values = this.values.map((own, n) => [...times.map((_, i) => kept[n]?.values[i] ?? null), ...own.slice(newer)]);
    this.#trim();
  }

  /** What came before another process started stays, with a gap. */
  add(wallMs: number, values: readonly (number | null)[]): void {
    const last = this.times.at(-1);
    if (last !== undefined && wallMs / 1000 <= last) return;
    if (last !== undefined && wallMs / 1000 - last > 10) {
      this.times.push(last + 1);
      for (const own of this.values) own.push(null);
    }
    this.times.push(wallMs / 1000);
    for (const [n, own] of this.values.entries()) own.push(values[n] ?? null);
    this.#trim();
  }

  #trim(): void {
    const oldest = (this.times.at(-1) ?? 0) - SPAN_MS / 1000;
    let drop = 0;
    while (this.times[drop]! < oldest) drop++;
    if (drop === 0) return;
    this.times.splice(0, drop);
    for (const own of this.values) own.splice(0, drop);
  }
}

export interface HistoryChart {
  readonly group: HistoryGroup;
  readonly chart: { show(group: HistoryGroup): void };
}

/** Asks for what is kept for several charts at once, and shows it. */
export async function fillHistory(charts: readonly HistoryChart[]): Promise<void> {
  const names = charts.flatMap(({ group }) => group.names);
  try {
    const response = await fetch(`api/v1/page/history?${names.map((name) => `series=${encodeURIComponent(name)}`).join('&')}`);
    if (!response.ok) return;
    const history = (await response.json()) as PageHistory;
    for (const { group, chart } of charts) {
      group.fill(history);
      chart.show(group);
    }
  } catch {
    // The page tells by other means that the proxy cannot be reached; charts begin with what comes.
  }
}
