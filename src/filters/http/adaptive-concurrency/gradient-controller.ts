/**
 * Finds out how many requests at once the upstream takes without queueing: compares the latency of each window with the lowest one, and
 * moves the limit by their ratio. One controller for the process: its state lies in memory that all workers share, behind a lock that is
 * held for a few instructions a request. Source of behaviour: Envoy's GradientController.
 */
import { lockCell, type SharedBlock, type SharedBlocks, unlockCell } from '../../../lb/shared-blocks.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';
import type { Random } from '../../../runtime/random.ts';
import type { Counter, Gauge, StatsScope } from '../../../stats/scope.ts';
import { addLatency, HISTOGRAM_CELLS, latencyQuantile } from './latency-histogram.ts';
import type { GradientControllerSettings } from './settings.ts';

// Cells of the shared block.
const LOCK = 0;
const OUTSTANDING = 1;
const LIMIT = 2;
const AREA = 3;
// Numbers at the beginning of the area, 8 bytes each.
const SAMPLES = 0;
/** The limit to go back to after minRTT has been measured; 0 = it is not being measured. */
const DEFERRED = 1;
const MIN_RTT_US = 2;
/** Wall-clock milliseconds, the one clock that all threads have. */
const EPOCH = 3;
const NEXT_SAMPLE = 4;
const NEXT_MIN_RTT = 5;
/** Windows in a row that ended at the lowest limit. */
const AT_MINIMUM = 6;
const READY = 7;
/** What the gauges show, in the order of GAUGES. */
const SHOWN = 8;
const NUMBERS = 16;
const AREA_CELLS = NUMBERS * 2 + HISTOGRAM_CELLS;

const GAUGES = ['concurrency_limit', 'min_rtt_calculation_active', 'min_rtt_msecs', 'sample_rtt_msecs', 'gradient', 'burst_queue_size'];
const SHOW_LIMIT = 0;
const SHOW_ACTIVE = 1;
const SHOW_MIN_RTT = 2;
const SHOW_SAMPLE_RTT = 3;
const SHOW_GRADIENT = 4;
const SHOW_BURST = 5;

/** Windows at the lowest limit after which minRTT is taken for wrong. */
const MINIMUM_WINDOWS = 5;
/** Timers of different threads round differently. */
const ROUNDING_MS = 1;

export class GradientController implements TimerTarget {
  readonly #settings: GradientControllerSettings;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #block: SharedBlock;
  readonly #cells: Int32Array;
  readonly #base: number;
  readonly #numbers: Float64Array;
  /** Index of the area's first number, and of the histogram's first cell. */
  readonly #at: number;
  readonly #areaCells: Int32Array;
  readonly #histogram: number;
  readonly #gauges: readonly Gauge[];
  readonly #blocked: Counter;
  readonly #timer: Timer;
  /** Something happened since the timer was armed. */
  #used: boolean;

  constructor(
    settings: GradientControllerSettings,
    clock: Clock,
    random: Random,
    block: SharedBlock,
    shared: SharedBlocks,
    scope: StatsScope,
  ) {
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
    this.#block = block;
    this.#cells = block.cells;
    this.#base = block.base;
    this.#lock();
    const area = shared.extend(block, AREA, AREA_CELLS);
    // Without room each worker has a controller of its own.
    this.#areaCells = area < 0 ? new Int32Array(AREA_CELLS) : block.cells;
    this.#numbers = area < 0 ? new Float64Array(this.#areaCells.buffer) : block.floats;
    this.#at = area < 0 ? 0 : area / 2;
    this.#histogram = Math.max(area, 0) + NUMBERS * 2;
    const own = scope.scope('gradient_controller');
    this.#gauges = GAUGES.map((name) => {
      const gauge = own.gauge(name);
      gauge.add(0);
      return gauge;
    });
    this.#blocked = own.counter('rq_blocked');
    this.#timer = new Timer(this, 0);
    this.#used = false;
    if (this.#get(READY) === 0) this.#begin(clock.wallMs());
    this.#unlock();
  }

  /** True if the request may pass: it counts until `record` or `cancel`. */
  tryForward(): boolean {
    const { ledger } = this.#block;
    this.#used = true;
    if (!this.#timer.armed) this.#clock.arm(this.#timer, this.#settings.updateIntervalMs);
    if (Atomics.add(this.#cells, this.#base + OUTSTANDING, 1) < Atomics.load(this.#cells, this.#base + LIMIT)) {
      if (ledger !== null) ledger[this.#base + OUTSTANDING]!++;
      return true;
    }
    Atomics.sub(this.#cells, this.#base + OUTSTANDING, 1);
    this.#blocked.inc();
    return false;
  }

  /** The answer is complete. @param startWallMs when the request came @param latencyMs with fractions */
  record(startWallMs: number, latencyMs: number): void {
    this.cancel();
    this.#lock();
    if (startWallMs >= this.#get(EPOCH)) {
      addLatency(this.#areaCells, this.#histogram, Math.round(latencyMs * 1000));
      this.#set(SAMPLES, this.#get(SAMPLES) + 1);
      if (this.#get(DEFERRED) > 0 && this.#get(SAMPLES) >= this.#settings.minRttRequests) this.#finishMinRtt();
    }
    this.#unlock();
  }

  /** There was no (whole) answer. */
  cancel(): void {
    const { ledger } = this.#block;
    Atomics.sub(this.#cells, this.#base + OUTSTANDING, 1);
    if (ledger !== null) ledger[this.#base + OUTSTANDING]!--;
  }

  /** Ends what windows are due. Runs on as long as there is something to come: without requests nothing changes any more. */
  onTimer(): void {
    this.#lock();
    const now = this.#clock.wallMs();
    if (this.#settings.fixedMinRttUs === null && this.#get(DEFERRED) === 0 && now >= this.#get(NEXT_MIN_RTT) - ROUNDING_MS)
      this.#enterMinRtt(now);
    if (this.#get(DEFERRED) === 0 && now >= this.#get(NEXT_SAMPLE) - ROUNDING_MS) {
      this.#endSample();
      this.#set(NEXT_SAMPLE, now + this.#settings.updateIntervalMs);
    }
    const measuring = this.#get(DEFERRED) > 0;
    this.#unlock();
    const idle = !this.#used && (measuring || this.#settings.fixedMinRttUs !== null);
    this.#used = false;
    if (!idle) this.#clock.arm(this.#timer, this.#settings.updateIntervalMs);
  }

  #begin(now: number): void {
    const { fixedMinRttUs, minLimit, updateIntervalMs } = this.#settings;
    this.#set(READY, 1);
    Atomics.store(this.#cells, this.#base + LIMIT, minLimit);
    this.#show(SHOW_LIMIT, minLimit);
    this.#set(NEXT_SAMPLE, now + updateIntervalMs);
    if (fixedMinRttUs === null) this.#enterMinRtt(now);
    else {
      this.#set(MIN_RTT_US, fixedMinRttUs);
      this.#show(SHOW_MIN_RTT, Math.floor(fixedMinRttUs / 1000));
    }
  }

  #enterMinRtt(now: number): void {
    this.#show(SHOW_ACTIVE, 1);
    this.#set(DEFERRED, Atomics.load(this.#cells, this.#base + LIMIT));
    this.#setLimit(this.#settings.minLimit);
    // Latencies from before may not be the lowest.
    this.#clear();
    this.#set(EPOCH, now);
  }

  #finishMinRtt(): void {
    const { minRttIntervalMs, jitter, updateIntervalMs } = this.#settings;
    const now = this.#clock.wallMs();
    const minRtt = this.#summary();
    this.#set(MIN_RTT_US, minRtt);
    this.#show(SHOW_MIN_RTT, Math.floor(minRtt / 1000));
    this.#setLimit(this.#get(DEFERRED));
    this.#set(DEFERRED, 0);
    this.#show(SHOW_ACTIVE, 0);
    const late = jitter === 0 ? 0 : this.#random.below(Math.max(1, Math.ceil(minRttIntervalMs * jitter)));
    this.#set(NEXT_MIN_RTT, now + minRttIntervalMs + late);
    this.#set(NEXT_SAMPLE, now + updateIntervalMs);
  }

  #endSample(): void {
    if (this.#get(SAMPLES) === 0) return;
    const { buffer, minLimit, maxLimit } = this.#settings;
    const sampleRtt = this.#summary();
    this.#show(SHOW_SAMPLE_RTT, Math.floor(sampleRtt / 1000));
    const minRtt = this.#get(MIN_RTT_US);
    const gradient = Math.max(0.5, Math.min(2, (minRtt + minRtt * buffer) / sampleRtt || 0));
    this.#show(SHOW_GRADIENT, Math.floor(gradient * 1000));
    const limit = Atomics.load(this.#cells, this.#base + LIMIT) * gradient;
    const burst = Math.sqrt(limit);
    this.#show(SHOW_BURST, Math.floor(burst));
    this.#setLimit(Math.max(minLimit, Math.min(maxLimit, Math.floor(limit + burst))));
  }

  #setLimit(limit: number): void {
    const { minLimit } = this.#settings;
    const before = Atomics.load(this.#cells, this.#base + LIMIT);
    Atomics.store(this.#cells, this.#base + LIMIT, limit);
    this.#show(SHOW_LIMIT, limit);
    const stuck = this.#get(DEFERRED) === 0 && before === minLimit && limit === minLimit ? this.#get(AT_MINIMUM) + 1 : 0;
    this.#set(AT_MINIMUM, stuck);
    // The limit is where a measurement wants it anyway.
    if (stuck >= MINIMUM_WINDOWS) this.#set(NEXT_MIN_RTT, 0);
  }

  /** One latency for all of the window, microseconds; the next window begins. */
  #summary(): number {
    const value = latencyQuantile(this.#areaCells, this.#histogram, this.#get(SAMPLES), this.#settings.quantile);
    this.#clear();
    return value;
  }

  #clear(): void {
    this.#areaCells.fill(0, this.#histogram, this.#histogram + HISTOGRAM_CELLS);
    this.#set(SAMPLES, 0);
  }

  /** A gauge is the sum over the workers: each adds its changes. */
  #show(gauge: number, value: number): void {
    this.#gauges[gauge]!.add(value - this.#get(SHOWN + gauge));
    this.#set(SHOWN + gauge, value);
  }

  #get(number: number): number {
    return this.#numbers[this.#at + number]!;
  }

  #set(number: number, value: number): void {
    this.#numbers[this.#at + number] = value;
  }

  #lock(): void {
    lockCell(this.#cells, this.#base + LOCK);
  }

  #unlock(): void {
    unlockCell(this.#cells, this.#base + LOCK);
  }
}
