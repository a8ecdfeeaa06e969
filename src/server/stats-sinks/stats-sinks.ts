/** The sinks of the bootstrap: told of every statistic at the end of a flush interval, and of single values of histograms where they want them. */
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/sleep.ts';
import { nextTurn } from '../../runtime/turn.ts';
import type { StatsAggregate } from '../../stats/aggregate.ts';
import type { Counter } from '../../stats/scope.ts';
import { type SinkSettings, wantsValues } from '../../stats/sinks/settings.ts';
import { type SinkStat, SnapshotTaker, type StatsSnapshot } from '../../stats/sinks/snapshot.ts';
import type { NodeSettings } from '../compiled.ts';
import { MetricsServiceSink, OtlpSink, type SinkCalls, TcpStatsd } from './service-sinks.ts';
import { UdpStatsd } from './udp-statsd.ts';

const VALUES_INTERVAL_MS = 100;
/** One turn of the event loop spends at most this long. */
const SLICE_MS = 2;
/** For the last answers when the process ends. */
const CLOSE_MS = 500;

interface Sink {
  flush(snapshot: StatsSnapshot): Generator<null>;
  value?(stat: SinkStat, value: number): void;
  valuesEnd?(): void;
  /** When all that was sent has been taken. */
  readonly answered?: Promise<unknown>;
  close?(): void;
}

export interface StatsSinksDeps {
  readonly clock: Clock;
  readonly stats: StatsAggregate;
  readonly calls: SinkCalls;
  readonly node: NodeSettings;
  readonly version: string;
  /** Brings gauges that are only written when somebody looks up to date. */
  refresh(): void;
}

export class StatsSinks implements TimerTarget {
  readonly #clock: Clock;
  readonly #stats: StatsAggregate;
  readonly #refresh: () => void;
  readonly #taker: SnapshotTaker;
  readonly #sinks: readonly Sink[];
  readonly #values: readonly Sink[];
  readonly #timer = new Timer(this, 0);
  /** server.dropped_stat_flushes */
  readonly #dropped: Counter;
  #flushing: Promise<void> | null = null;

  constructor(settings: readonly SinkSettings[], deps: StatsSinksDeps) {
    const { clock, stats, calls, node, version } = deps;
    this.#clock = clock;
    this.#stats = stats;
    this.#refresh = () => deps.refresh();
    this.#taker = new SnapshotTaker(stats, clock.wallMs());
    const root = stats.local.root;
    this.#dropped = root.counter('server.dropped_stat_flushes');
    const make = (sink: SinkSettings, i: number): Sink => {
      switch (sink.kind) {
        case 'udp-statsd':
          return new UdpStatsd(sink);
        case 'tcp-statsd':
          return new TcpStatsd(sink, calls, root.counter('statsd.cx_overflow'));
        case 'otlp':
          return new OtlpSink(sink, version, stats, clock.wallMs(), calls, this.#dropped);
        case 'metrics-service':
          return new MetricsServiceSink(sink, `stats_sinks[${i}]`, node, version, stats, calls);
      }
    };
    this.#sinks = settings.map(make);
    this.#values = this.#sinks.filter((_, i) => wantsValues(settings[i]!));
    if (this.#values.length > 0) clock.arm(this.#timer, VALUES_INTERVAL_MS);
  }

  onTimer(): void {
    this.#drainValues();
    this.#clock.arm(this.#timer, VALUES_INTERVAL_MS);
  }

  /** Tells all sinks what has been counted; if the last time has not come to its end, nothing. */
  flush(): Promise<void> {
    if (this.#flushing !== null) {
      this.#dropped.inc();
      return this.#flushing;
    }
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  /** A last time, when the workers are still there. */
  async close(): Promise<void> {
    this.#clock.disarm(this.#timer);
    await this.#flushing;
    await this.flush();
    await Promise.race([Promise.all(this.#sinks.map((sink) => sink.answered)), sleep(CLOSE_MS)]);
    for (const sink of this.#sinks) sink.close?.();
  }

  async #flush(): Promise<void> {
    if (this.#values.length > 0) this.#drainValues();
    this.#refresh();
    const snapshot = await this.#inSlices(this.#taker.take(this.#clock.wallMs()));
    for (const sink of this.#sinks) await this.#inSlices(sink.flush(snapshot));
  }

  #drainValues(): void {
    const sinks = this.#values;
    this.#stats.drainValues((series, value) => {
      const stat = this.#taker.stat(series);
      for (const sink of sinks) sink.value!(stat, value);
    });
    for (const sink of sinks) sink.valuesEnd!();
  }

  async #inSlices<T>(work: Generator<null, T>): Promise<T> {
    let started = this.#clock.nowMs();
    for (;;) {
      const { done, value } = work.next();
      if (done) return value as T;
      if (this.#clock.nowMs() - started < SLICE_MS) continue;
      await nextTurn();
      started = this.#clock.nowMs();
    }
  }
}
