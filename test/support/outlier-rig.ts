/** Outlier detection of one cluster with simulated time: its detector, and monitors as several workers have them. */
import { HealthFlag, HOST_CELLS, HOST_HEALTH_CELL, healthFlagsText, setHostHealth } from '../../src/lb/host.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { OutlierDetector } from '../../src/resilience/outlier/detector.ts';
import { type Detection, MONITOR_CELLS } from '../../src/resilience/outlier/monitor-cells.ts';
import { OutlierStats } from '../../src/resilience/outlier/outlier-stats.ts';
import { DEFAULT_OUTLIER, type OutlierSettings } from '../../src/resilience/outlier/settings.ts';
import { SlabMonitor } from '../../src/resilience/outlier/slab-monitor.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { MutableRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from './plain-stats.ts';

export class OutlierRig {
  readonly clock = new SimulatedClock();
  readonly slab = SharedSlab.create(1 << 17, 16);
  readonly stats = new PlainStats();
  readonly runtime = new MutableRuntime();
  readonly events: Record<string, unknown>[] = [];
  readonly detections: [host: number, detection: Detection][] = [];
  readonly detector: OutlierDetector;
  readonly slots: number[];
  /** How often workers were told to look again. */
  published = 0;
  readonly #settings: OutlierSettings;
  readonly #monitors: SlabMonitor[];

  constructor(hosts: number, settings: Partial<OutlierSettings> = {}, seed = 1) {
    this.#settings = { ...DEFAULT_OUTLIER, maxEjectionPercent: 100, ...settings };
    this.slots = Array.from({ length: hosts }, () => this.slab.allocate(HOST_CELLS + MONITOR_CELLS));
    this.detector = new OutlierDetector('c', this.#settings, {
      clock: this.clock,
      random: seededRandom(seed),
      runtime: this.runtime,
      cells: this.slab.cells,
      stats: new OutlierStats(this.stats.scope('cluster').scope('c')),
      writeEvent: (line) => this.events.push(JSON.parse(line) as Record<string, unknown>),
      onHealthChanged: () => {
        this.published++;
      },
    });
    this.setHosts(this.slots);
    this.#monitors = this.worker();
  }

  /** Another worker's monitors of the same hosts. */
  worker(): SlabMonitor[] {
    const report = (slot: number, detection: Detection) => {
      this.detections.push([this.slots.indexOf(slot), detection]);
      this.detector.onDetection(slot, detection);
    };
    const deps = { errors: null, settings: this.#settings, runtime: this.runtime, report };
    return this.slots.map((slot) => new SlabMonitor(deps, this.slab.cells, slot, slot + HOST_CELLS));
  }

  setHosts(slots: readonly number[]): void {
    this.detector.setHosts(slots.map((slot) => [slot, `10.0.0.${this.slots.indexOf(slot)}:80`]));
  }

  host(index: number): SlabMonitor {
    return this.#monitors[index]!;
  }

  /** `count` responses of `status` from host `index`. */
  respond(index: number, status: number, count = 1): void {
    for (let i = 0; i < count; i++) this.host(index).onStatus(status);
  }

  setHealth(index: number, flags: number, on: boolean): void {
    setHostHealth(this.slab.cells, this.slots[index]!, flags, on);
  }

  /** As `/clusters` shows it. */
  health(index: number): string {
    return healthFlagsText(this.slab.cells[this.slots[index]! + HOST_HEALTH_CELL]!);
  }

  ejected(index: number): boolean {
    return (this.slab.cells[this.slots[index]! + HOST_HEALTH_CELL]! & HealthFlag.FailedOutlierCheck) !== 0;
  }

  /** Indexes of the hosts that are out now. */
  get out(): number[] {
    return this.slots.map((_, i) => i).filter((i) => this.ejected(i));
  }

  /** Value of `outlier_detection.<name>`. */
  stat(name: string): number {
    return this.stats.value('cluster.c.outlier_detection.' + name);
  }
}
