/**
 * A log file of one worker. Lines gather in memory and leave in blocks, written asynchronously: a request never waits for a disk.
 * Every worker has its own descriptor, opened for appending, so that blocks of different workers do not mix.
 */
import type sonicBoom from 'sonic-boom';
import type { Clock } from '../runtime/clock.ts';
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import { fs, nodeModule } from '../runtime/node-module.ts';
import type { Counter, Gauge, StatsScope } from '../stats/scope.ts';

/** Envoy's MIN_FLUSH_SIZE. */
const FLUSH_BYTES = 64 * 1024;
/** Room for the line that passes that size. */
const BLOCK_BYTES = FLUSH_BYTES + 8 * 1024;
/** Blocks that are written into again; more exist only while the disk does not keep up. */
const MAX_SPARE_BLOCKS = 2;
/** While the disk does not keep up, memory stays bounded: lines beyond this are dropped and counted. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

export class LogFileStats {
  readonly writeBuffered: Counter;
  readonly writeCompleted: Counter;
  readonly writeFailed: Counter;
  readonly flushedByTimer: Counter;
  readonly reopenFailed: Counter;
  readonly dropped: Counter;
  readonly totalBuffered: Gauge;

  constructor(root: StatsScope) {
    const scope = root.scope('filesystem');
    this.writeBuffered = scope.counter('write_buffered');
    this.writeCompleted = scope.counter('write_completed');
    this.writeFailed = scope.counter('write_failed');
    this.flushedByTimer = scope.counter('flushed_by_timer');
    this.reopenFailed = scope.counter('reopen_failed');
    this.dropped = scope.counter('outrider_write_dropped');
    this.totalBuffered = scope.gauge('write_total_buffered');
  }
}

export class LogFile implements TimerTarget {
  readonly #path: string | null;
  readonly #clock: Clock;
  readonly #stats: LogFileStats;
  readonly #flushIntervalMs: number;
  readonly #timer: Timer;
  readonly #out: InstanceType<typeof sonicBoom.SonicBoom>;
  /** Lines are copied into blocks that are used again: as strings and fresh buffers they would grow the heap by tens of MB. null until the first line. */
  #block: Buffer | null;
  #used: number;
  readonly #spare: Buffer[];
  /** Handed over, not yet written. */
  readonly #waiting: Buffer[];
  #waitingBytes: number;

  /**
   * @param target a path, or 1 or 2 for the standard streams
   * @throws the system's error if the file cannot be opened
   */
  constructor(target: string | 1 | 2, clock: Clock, stats: LogFileStats, flushIntervalMs: number) {
    this.#path = typeof target === 'string' ? target : null;
    this.#clock = clock;
    this.#stats = stats;
    this.#flushIntervalMs = flushIntervalMs;
    this.#timer = new Timer(this, 0);
    this.#block = null;
    this.#used = 0;
    this.#spare = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    // Opened here first, so that a file that cannot be is an error of the configuration. By its path it can be opened again after a rotation.
    if (typeof target === 'string') fs.closeSync(fs.openSync(target, 'a', 0o644));
    const destination = typeof target === 'string' ? { dest: target, mode: 0o644 } : { fd: target };
    const { SonicBoom } = nodeModule<typeof sonicBoom>('sonic-boom');
    this.#out = new SonicBoom({ ...destination, sync: false, contentMode: 'buffer', minLength: 0 });
    this.#out.on('write', (bytes: number) => {
      stats.writeCompleted.inc();
      this.#waitingBytes -= bytes;
      if (this.#waitingBytes <= 0) this.#takeBack();
    });
    this.#out.on('error', () => stats.writeFailed.inc());
  }

  /** @param line latin1 text with its line end */
  write(line: string): void {
    this.#stats.writeBuffered.inc();
    this.#stats.totalBuffered.add(line.length);
    let block = this.#block;
    if (block !== null && this.#used + line.length > BLOCK_BYTES) {
      this.flush();
      block = null;
    }
    if (block === null) {
      block = line.length > BLOCK_BYTES ? Buffer.allocUnsafeSlow(line.length) : (this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES));
      this.#block = block;
    }
    this.#used += block.write(line, this.#used, 'latin1');
    if (this.#used >= FLUSH_BYTES) this.flush();
    else if (!this.#timer.armed) this.#clock.arm(this.#timer, this.#flushIntervalMs);
  }

  flush(): void {
    const block = this.#block;
    if (block === null) return;
    const used = this.#used;
    this.#block = null;
    this.#used = 0;
    this.#stats.totalBuffered.sub(used);
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#stats.dropped.inc();
      this.#keep(block);
      return;
    }
    this.#waitingBytes += used;
    this.#waiting.push(block);
    // Its types know only of strings; with contentMode 'buffer' it takes bytes.
    this.#out.write(block.subarray(0, used) as unknown as string);
  }

  #takeBack(): void {
    for (let i = 0; i < this.#waiting.length; i++) this.#keep(this.#waiting[i]!);
    this.#waiting.length = 0;
  }

  #keep(block: Buffer): void {
    if (block.length === BLOCK_BYTES && this.#spare.length < MAX_SPARE_BLOCKS) this.#spare.push(block);
  }

  onTimer(): void {
    this.#stats.flushedByTimer.inc();
    this.flush();
  }

  /** After a rotation: what follows goes to a new file of the same name. */
  reopen(): void {
    this.flush();
    if (this.#path === null) return;
    try {
      // The descriptor is opened here first, so that a failure leaves the old one in use.
      fs.closeSync(fs.openSync(this.#path, 'a', 0o644));
      this.#out.reopen(this.#path);
    } catch {
      this.#stats.reopenFailed.inc();
    }
  }

  /** Resolves when everything is with the system. */
  close(): Promise<void> {
    this.#clock.disarm(this.#timer);
    this.flush();
    if (this.#waitingBytes <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#out.flush(() => resolve());
    });
  }
}
