/**
 * Looks at the pressure on the process's resources, on the control thread, and says what is to be done about it: workers read most of it in
 * shared cells, some of it they are told. Source of behaviour: Envoy's OverloadManagerImpl.
 */
import type { Clock } from '../../runtime/clock.ts';
import { Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { Overload, SATURATED } from '../../runtime/overload.ts';
import type { Counter, Gauge, Histogram, StatsScope } from '../../stats/scope.ts';
import { type Monitor, type MonitorSources, newMonitor } from './monitors.ts';
import type { OverloadSettings, ReactionSettings, TriggerSettings } from './settings.ts';

/** What the control thread does itself. */
export interface OverloadEffects {
  /** New connections wait, or are served again. */
  holdConnections(hold: boolean): void;
  /** Every thread gives back what memory it can. */
  shrinkHeap(): void;
  /** Streams that hold at least so many bytes end. */
  resetStreams(minBytes: number): void;
}

export interface OverloadDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rootScope: StatsScope;
  readonly cells: SharedArrayBuffer;
  readonly sources: MonitorSources;
  readonly effects: OverloadEffects;
}

const TICK = 0;
const SHRINK = 1;
const ACTION = 'envoy.overload_actions.';
/** Streams are told apart by the power of two that their memory reaches. Source: BufferMemoryAccountImpl::NUM_MEMORY_CLASSES_. */
const MEMORY_CLASSES = 8;

class Resource {
  readonly monitor: Monitor;
  pressure = 0;
  readonly #gauge: Gauge;
  readonly #failed: Counter;
  readonly #logger: Logger;
  #failing = false;

  constructor(monitor: Monitor, scope: StatsScope, skips: boolean, logger: Logger) {
    this.monitor = monitor;
    this.#gauge = scope.gauge(`${monitor.name}.pressure`);
    this.#failed = scope.counter(`${monitor.name}.failed_updates`);
    // A read is done before the next is due: none is ever skipped.
    if (skips) scope.counter(`${monitor.name}.skipped_updates`);
    this.#gauge.set(0);
    this.#logger = logger;
  }

  update(): void {
    try {
      this.pressure = this.monitor.read();
      this.#gauge.set(Math.floor(this.pressure * 100));
      this.#failing = false;
    } catch (error) {
      this.#failed.inc();
      // Said once, not at every look.
      if (!this.#failing)
        this.#logger.info('failed to update a resource', { resource: this.monitor.name, error: (error as Error).message });
      this.#failing = true;
    }
  }
}

/** An action or a load-shed point with its state: 0..SATURATED. */
class Reaction {
  readonly settings: ReactionSettings;
  value = 0;
  readonly #active: Gauge | null;
  readonly #scale: Gauge;

  constructor(settings: ReactionSettings, scope: StatsScope, isPoint: boolean) {
    this.settings = settings;
    this.#active = isPoint ? null : scope.gauge(`${settings.name}.active`);
    this.#scale = scope.gauge(`${settings.name}.scale_percent`);
    this.#active?.set(0);
    this.#scale.set(0);
    if (isPoint) scope.counter(`${settings.name}.shed_load_count`);
  }

  /** @returns whether it is another than before */
  update(resources: ReadonlyMap<string, Resource>): boolean {
    let value = 0;
    for (const trigger of this.settings.triggers)
      value = Math.max(value, triggered(trigger, resources.get(trigger.monitor)?.pressure ?? 0));
    if (value === this.value) return false;
    this.value = value;
    this.#active?.set(value === SATURATED ? 1 : 0);
    this.#scale.set(Math.floor((value * 100) / SATURATED));
    return true;
  }
}

function triggered({ scaling, saturation }: TriggerSettings, pressure: number): number {
  if (pressure >= saturation) return SATURATED;
  if (pressure <= scaling) return 0;
  return Math.round(((pressure - scaling) / (saturation - scaling)) * SATURATED);
}

export class OverloadManager implements TimerTarget {
  readonly #settings: OverloadSettings;
  readonly #deps: OverloadDeps;
  readonly #cells: Int32Array;
  readonly #resources = new Map<string, Resource>();
  readonly #reactions: Reaction[];
  readonly #delay: Histogram;
  readonly #shrinks: Counter | null;
  readonly #tick = new Timer(this, TICK);
  readonly #shrink = new Timer(this, SHRINK);
  #armedMs = 0;

  constructor(settings: OverloadSettings, deps: OverloadDeps) {
    const scope = deps.rootScope.scope('overload');
    this.#settings = settings;
    this.#deps = deps;
    this.#cells = new Int32Array(deps.cells);
    for (const monitor of settings.monitors) {
      const resource = new Resource(newMonitor(monitor, deps.sources), scope, monitor.kind !== 'connections', deps.logger);
      this.#resources.set(monitor.name, resource);
    }
    this.#reactions = [
      ...settings.actions.map((action) => new Reaction(action, scope, false)),
      ...settings.points.map((point) => new Reaction(point, scope, true)),
    ];
    this.#delay = scope.histogram('refresh_interval_delay');
    const shrinks = settings.actions.some(({ name }) => name === `${ACTION}shrink_heap`);
    this.#shrinks = shrinks ? scope.counter(`${ACTION}shrink_heap.shrink_count`) : null;
  }

  start(): void {
    if (this.#shrinks !== null) this.#deps.clock.arm(this.#shrink, this.#settings.shrinkIntervalMs);
    this.#refresh();
  }

  stop(): void {
    this.#deps.clock.disarm(this.#tick);
    this.#deps.clock.disarm(this.#shrink);
  }

  get holdsConnections(): boolean {
    return this.#valueOf('stop_accepting_connections') === SATURATED;
  }

  onTimer(timer: Timer): void {
    if (timer.kind === TICK) {
      this.#delay.record(this.#deps.clock.nowMs() - this.#armedMs);
      this.#refresh();
      return;
    }
    const { effects, clock } = this.#deps;
    if (this.#valueOf('shrink_heap') === SATURATED) {
      effects.shrinkHeap();
      this.#shrinks!.inc();
    }
    clock.arm(this.#shrink, this.#settings.shrinkIntervalMs);
  }

  #refresh(): void {
    const { clock, effects } = this.#deps;
    for (const resource of this.#resources.values()) resource.update();
    let any = 0;
    for (const reaction of this.#reactions) {
      const { cell, name } = reaction.settings;
      const before = reaction.value;
      if (reaction.update(this.#resources)) {
        if (cell !== null) Atomics.store(this.#cells, cell, reaction.value);
        else if (name === `${ACTION}stop_accepting_connections` && (before === SATURATED) !== (reaction.value === SATURATED))
          effects.holdConnections(reaction.value === SATURATED);
      }
      if (cell !== null && reaction.value > 0) any++;
    }
    Atomics.store(this.#cells, Overload.Any, any);
    this.#resetStreams();
    this.#armedMs = clock.nowMs();
    clock.arm(this.#tick, this.#settings.refreshIntervalMs);
  }

  /** Envoy does it when the pressure changes. Here it is done as long as it lasts: a stream that grows later is no better. */
  #resetStreams(): void {
    const value = this.#valueOf('reset_high_memory_stream');
    if (value === 0) return;
    const classes = Math.min(MEMORY_CLASSES, Math.floor((value / SATURATED) * MEMORY_CLASSES) + 1);
    this.#deps.effects.resetStreams(2 ** (this.#settings.minimumAccountPower + MEMORY_CLASSES - classes));
  }

  #valueOf(action: string): number {
    return this.#reactions.find(({ settings }) => settings.name === ACTION + action)?.value ?? 0;
  }
}
