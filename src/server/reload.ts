/** SIGHUP and --watch: the bootstrap is read again. With an error in it nothing changes; otherwise what differs does. */
import { formatProblem } from '../config/problem.ts';
import { type Clock, Timer, type TimerTarget } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { CompiledConfig } from './compiled.ts';
import type { FileSubscriptions } from './file-subscriptions.ts';
import type { LiveResources } from './live-resources.ts';
import type { ConfigResult } from './load-config.ts';

export interface ReloadDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly resources: LiveResources;
  readonly subscriptions: FileSubscriptions;
  compile(): Promise<ConfigResult>;
  current(): CompiledConfig;
  /** Connections of listeners and filter chains that are not in force any more. */
  leavingConnections(): Promise<number>;
  /** Runtime layers and whatever else the process keeps of its configuration. */
  adopt(config: CompiledConfig): void;
}

/** Parts that are read once, by their names in the bootstrap. */
const AT_START_ONLY = {
  node: 'node',
  admin: 'admin',
  stats: 'stats_config',
  tracer: 'tracing',
  statsFlushIntervalMs: 'stats_flush_interval',
  localClusterName: 'cluster_manager.local_cluster_name',
  outlierEventLogPath: 'cluster_manager.outlier_detection.event_log_path',
} as const satisfies Partial<Record<keyof CompiledConfig, string>>;

const LOOK_EVERY_MS = 50;
const NOTHING = async (): Promise<void> => undefined;

export class Reload implements TimerTarget {
  readonly #deps: ReloadDeps;
  readonly #clock: Clock;
  readonly #timer: Timer;
  #removeOld: () => Promise<void> = NOTHING;
  #running = false;
  #again = false;

  constructor(deps: ReloadDeps) {
    this.#deps = deps;
    this.#clock = deps.clock;
    this.#timer = new Timer(this, 0);
  }

  /** Reloads that are asked for during one are made once after it. */
  async run(): Promise<void> {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      try {
        await this.#once();
      } catch (error) {
        this.#deps.logger.error('reload failed', { error: (error as Error).message });
      }
    }
    this.#running = false;
  }

  stop(): void {
    this.#clock.disarm(this.#timer);
  }

  onTimer(): void {
    void this.#removeWhenUnused();
  }

  /** Connections of replaced filter chains keep their old routes until they are drained. */
  async #removeWhenUnused(): Promise<void> {
    const removeOld = this.#removeOld;
    const leaving = await this.#deps.leavingConnections();
    // Another reload has its own idea of what is old.
    if (removeOld !== this.#removeOld) return;
    if (leaving === 0) await removeOld();
    else this.#clock.arm(this.#timer, LOOK_EVERY_MS);
  }

  async #once(): Promise<void> {
    const { logger, resources, subscriptions } = this.#deps;
    const { compiled, problems } = await this.#deps.compile();
    for (const problem of problems) {
      if (problem.severity === 'error') logger.error(formatProblem(problem));
      else logger.warn(formatProblem(problem));
    }
    if (compiled === null) {
      logger.error('reload refused: the configuration that runs stays');
      return;
    }
    // From now on the last reload's idea of what is old does not hold.
    this.#removeOld = NOTHING;
    this.#deps.adopt(this.#withoutWhatStays(compiled));
    // New clusters before the listeners that use them, old ones after the last connection that may still ask for them.
    const removeOld = await resources.setStaticClusters(compiled.clusters.block);
    await subscriptions.start(compiled.dynamic);
    const refused = await resources.setListeners('static', compiled.listeners);
    this.#removeOld = removeOld;
    this.#clock.arm(this.#timer, 0);
    logger.info('configuration reloaded', { refused: [...refused.keys()] });
  }

  #withoutWhatStays(compiled: CompiledConfig): CompiledConfig {
    const current = this.#deps.current();
    const { node, admin, stats, tracer, statsFlushIntervalMs, localClusterName, outlierEventLogPath } = current;
    for (const key of Object.keys(AT_START_ONLY) as (keyof typeof AT_START_ONLY)[]) {
      if (JSON.stringify(current[key]) === JSON.stringify(compiled[key])) continue;
      this.#deps.logger.warn(`${AT_START_ONLY[key]} has changed: that takes effect with the next start`);
    }
    return { ...compiled, node, admin, stats, tracer, statsFlushIntervalMs, localClusterName, outlierEventLogPath };
  }
}
