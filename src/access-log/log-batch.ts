/** Entries on their way to a log service: gathered as bytes, sent when there are enough or enough time has passed, dropped when nobody takes them. Source: Envoy's Common::GrpcAccessLogger. */
import { type Clock, Timer, type TimerTarget } from '../runtime/clock.ts';
import { ProtobufWriter } from '../runtime/protobuf-writer.ts';
import type { Counter, StatsScope } from '../stats/scope.ts';

export interface BatchSettings {
  readonly flushIntervalMs: number;
  /** 0 = every entry leaves at once. */
  readonly bufferBytes: number;
}

export class LogServiceStats {
  readonly written: Counter;
  readonly dropped: Counter;
  readonly flushed: Counter | null;

  /** @param scope e.g. `access_logs.grpc_access_log` @param flushed also count what has been sent */
  constructor(scope: StatsScope, flushed: boolean) {
    this.written = scope.counter('logs_written');
    this.dropped = scope.counter('logs_dropped');
    this.flushed = flushed ? scope.counter('grpc_entries_flushed') : null;
  }
}

/** Takes a batch, or cannot for now: then it is offered again, and entries that find no room meanwhile are dropped. */
export interface BatchSender {
  send(entries: ProtobufWriter): boolean;
  /** Nothing has been logged for so long that what is held open can be closed. */
  onIdle(): void;
}

const IDLE_MS = 300_000;

export class LogBatch implements TimerTarget {
  readonly #clock: Clock;
  readonly #settings: BatchSettings;
  readonly #stats: LogServiceStats;
  readonly #sender: BatchSender;
  readonly #timer: Timer;
  readonly #entries: ProtobufWriter;
  #count: number;
  /** The timer is to flush, and not to find out whether anything is logged at all. */
  #flushes: boolean;
  #lastMs: number;

  constructor(clock: Clock, settings: BatchSettings, stats: LogServiceStats, sender: BatchSender) {
    this.#clock = clock;
    this.#settings = settings;
    this.#stats = stats;
    this.#sender = sender;
    this.#timer = new Timer(this, 0);
    this.#entries = new ProtobufWriter();
    this.#count = 0;
    this.#flushes = false;
    this.#lastMs = 0;
  }

  /** Where an entry is to be written, as a field of a message; call `close` after it. null: there is no room, the entry is dropped. @param counted Envoy does not count the entries of connections */
  open(counted: boolean): ProtobufWriter | null {
    const { bufferBytes } = this.#settings;
    if (bufferBytes !== 0 && this.#entries.length >= bufferBytes) {
      this.flush();
      if (this.#entries.length >= bufferBytes) {
        this.#stats.dropped.inc();
        return null;
      }
    }
    if (counted) this.#stats.written.inc();
    this.#count++;
    return this.#entries;
  }

  close(): void {
    this.#lastMs = this.#clock.nowMs();
    if (this.#entries.length >= this.#settings.bufferBytes) this.flush();
    if (!this.#timer.armed || (this.#entries.length > 0 && !this.#flushes)) this.#arm();
  }

  flush(): void {
    if (this.#entries.length === 0 || !this.#sender.send(this.#entries)) return;
    this.#entries.clear();
    this.#stats.flushed?.add(this.#count);
    this.#count = 0;
  }

  onTimer(): void {
    if (this.#entries.length === 0 && this.#clock.nowMs() - this.#lastMs >= IDLE_MS) {
      this.#sender.onIdle();
      return;
    }
    this.flush();
    this.#arm();
  }

  stop(): void {
    this.#clock.disarm(this.#timer);
    this.flush();
  }

  #arm(): void {
    this.#flushes = this.#entries.length > 0;
    this.#clock.arm(this.#timer, this.#flushes ? this.#settings.flushIntervalMs : IDLE_MS);
  }
}
