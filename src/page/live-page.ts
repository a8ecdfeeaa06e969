/** The live page's data: figures of the whole every second, and everything while somebody looks. */
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import type { ClusterHistory } from './model/cluster-history.ts';
import type { PageModel } from './model/page-model.ts';
import type { RequestLog } from './model/request-log.ts';
import { TOTAL_FIELDS, TOTAL_STEP_MS, Totals } from './model/totals.ts';
import type { HistorySeries, PageHistory, PageTick, TotalFigures } from './snapshot.ts';
import type { PageSource } from './source.ts';

export const MAX_VIEWERS = 16;
export const MAX_ASKED_CLUSTERS = 8;
export const MAX_SERIES = 32;
/** A page that is loaded again finds its history. */
const LINGER_MS = 60_000;
/** Slower is noted when nobody looks. */
const SLOW_MS = 1000;

/** Modules that only a viewer needs. */
interface Parts {
  readonly model: PageModel;
  readonly fields: readonly string[];
  readonly stepMs: number;
}

export class LivePage implements TimerTarget {
  readonly #source: PageSource;
  readonly #totals: Totals;
  readonly #timer: Timer;
  #lastTotals: TotalFigures;
  #log: RequestLog | null = null;
  #parts: Parts | null = null;
  #opening: Promise<void> | null = null;
  #tick: PageTick | null = null;
  #tickEvent: Buffer | null = null;
  readonly #viewers = new Set<ReadonlySet<string>>();
  #lastViewerMs = 0;
  #busy = false;
  #closed = false;
  #next: Promise<void>;
  #announce: () => void = () => undefined;

  constructor(source: PageSource) {
    this.#source = source;
    this.#totals = new Totals(source.stats);
    this.#timer = new Timer(this, 0);
    this.#lastTotals = this.#totals.sample(source.clock.nowMs(), null);
    this.#next = this.#newNext();
    this.#arm();
  }

  /** Ends all streams. */
  close(): void {
    this.#closed = true;
    this.#source.clock.disarm(this.#timer);
    this.#announce();
  }

  /** Messages of one viewer, as bytes of a stream of events. */
  async *events(asked: readonly string[]): AsyncGenerator<Uint8Array> {
    if (this.#viewers.size >= MAX_VIEWERS) {
      yield Buffer.from('event: full\ndata: {}\n\n');
      return;
    }
    const viewer = new Set(asked.slice(0, MAX_ASKED_CLUSTERS));
    this.#viewers.add(viewer);
    try {
      await this.#open();
      let seen = -1;
      while (!this.#closed && this.#parts !== null) {
        const { seq } = this.#tick!;
        // Whoever read too slowly has nothing kept for him: he starts over with the state of now.
        yield seen >= 0 && seq === seen + 1 ? this.#event() : this.#snapshotEvent();
        seen = seq;
        while (this.#tick!.seq === seen && !this.#closed) await this.#next;
      }
    } finally {
      this.#viewers.delete(viewer);
      this.#lastViewerMs = this.#source.clock.nowMs();
    }
  }

  /** PageSnapshot as JSON, with rates. null = the process ends. */
  async snapshot(): Promise<string | null> {
    await this.#open();
    this.#lastViewerMs = this.#source.clock.nowMs();
    // Rates need two looks.
    while (this.#tick !== null && this.#tick.seq < 2 && !this.#closed) await this.#next;
    return this.#closed || this.#parts === null ? null : JSON.stringify(this.#parts.model.snapshot());
  }

  history(names: readonly string[]): PageHistory {
    return { series: names.slice(0, MAX_SERIES).map((name) => this.#series(name)) };
  }

  onTimer(): void {
    this.#arm();
    if (this.#busy) return;
    this.#busy = true;
    void this.#second().finally(() => {
      this.#busy = false;
    });
  }

  // ── inside ──

  /** At the beginning of a second: one step of the history for each. */
  #arm(): void {
    const { clock } = this.#source;
    this.#source.clock.arm(this.#timer, TOTAL_STEP_MS - (clock.nowMs() % TOTAL_STEP_MS) + 1);
  }

  async #second(): Promise<void> {
    const { clock } = this.#source;
    if (this.#parts !== null && this.#viewers.size === 0 && clock.nowMs() - this.#lastViewerMs > LINGER_MS) this.#shut();
    const parts = this.#parts;
    if (parts === null) {
      this.#lastTotals = this.#totals.sample(clock.nowMs(), null);
      this.#totals.keep(clock.nowMs(), this.#lastTotals, false);
      return;
    }
    await this.#look(parts, true);
  }

  /** @param wholeSecond false: the figures of the whole are those of the last second */
  async #look({ model }: Parts, wholeSecond: boolean): Promise<void> {
    const { clock } = this.#source;
    const samples = await this.#source.sampleWorkers();
    if (this.#closed) return;
    const { clusters, requests } = model.look(samples);
    if (wholeSecond) {
      this.#lastTotals = this.#totals.sample(clock.nowMs(), clusters);
      this.#totals.keep(clock.nowMs(), this.#lastTotals, true);
    }
    const asked = new Set<string>();
    for (const viewer of this.#viewers) for (const name of viewer) asked.add(name);
    this.#tick = model.finish(this.#lastTotals, requests, asked, this.#viewers.size);
    this.#tickEvent = null;
    const announce = this.#announce;
    this.#next = this.#newNext();
    announce();
  }

  #newNext(): Promise<void> {
    return new Promise((resolve) => {
      this.#announce = resolve;
    });
  }

  async #open(): Promise<void> {
    if (this.#parts !== null) return;
    this.#opening ??= this.#begin().finally(() => {
      this.#opening = null;
    });
    await this.#opening;
  }

  async #begin(): Promise<void> {
    const [{ PageModel }, { RequestLog }, { CLUSTER_FIELDS, CLUSTER_STEP_MS }] = await Promise.all([
      import('./model/page-model.ts'),
      import('./model/request-log.ts'),
      import('./model/cluster-history.ts'),
    ]);
    this.#source.watch(true, false, SLOW_MS);
    this.#log ??= new RequestLog();
    const parts = { model: new PageModel(this.#source, this.#log), fields: CLUSTER_FIELDS, stepMs: CLUSTER_STEP_MS };
    this.#lastViewerMs = this.#source.clock.nowMs();
    await this.#look(parts, false);
    this.#parts = parts;
  }

  #shut(): void {
    this.#parts = null;
    this.#tick = null;
    this.#tickEvent = null;
    this.#source.watch(false, false, SLOW_MS);
  }

  /** The same bytes for all viewers. */
  #event(): Uint8Array {
    this.#tickEvent ??= message('tick', this.#tick!.seq, JSON.stringify(this.#tick));
    return this.#tickEvent;
  }

  #snapshotEvent(): Uint8Array {
    const { seq } = this.#tick!;
    return Buffer.concat([RETRY, message('snapshot', seq, JSON.stringify(this.#parts!.model.snapshot()))]);
  }

  #series(name: string): HistorySeries {
    const { clock } = this.#source;
    const known = (stepMs: number, lastStep: number, values: readonly (number | null)[]): HistorySeries => {
      const untilWallMs = Math.round(clock.wallMs() - clock.nowMs() + (lastStep + 1) * stepMs);
      return { name, stepMs, untilWallMs, values };
    };
    const field = name.slice(name.lastIndexOf('.') + 1);
    if (name.startsWith('total.')) {
      const index = TOTAL_FIELDS.indexOf(field as (typeof TOTAL_FIELDS)[number]);
      const { ring } = this.#totals;
      if (index >= 0) return known(TOTAL_STEP_MS, ring.last, ring.series(index));
    } else if (name.startsWith('cluster.') && this.#parts !== null) {
      const history: ClusterHistory = this.#parts.model.history;
      const ring = history.ring(name.slice('cluster.'.length, -field.length - 1));
      const index = this.#parts.fields.indexOf(field);
      if (ring !== null && index >= 0) return known(this.#parts.stepMs, ring.last, ring.series(index));
    }
    return { name, stepMs: TOTAL_STEP_MS, untilWallMs: Math.round(clock.wallMs()), values: [] };
  }
}

/** Browsers try again after this. */
const RETRY = Buffer.from('retry: 1000\n');

function message(event: string, id: number, json: string): Buffer {
  return Buffer.from(`event: ${event}\nid: ${id}\ndata: ${json}\n\n`);
}
