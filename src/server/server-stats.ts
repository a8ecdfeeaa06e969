/** `server.` statistics: state, uptime, memory, concurrency, written when they change or at each flush. Names are Envoy's. */
import type { Clock } from '../runtime/clock.ts';
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import { memoryUse } from '../runtime/memory.ts';
import type { StatsScope } from '../stats/scope.ts';
import type { CompiledConfig } from './compiled.ts';
import { RuntimeStats } from './runtime-stats.ts';
import type { Server, ServerState } from './server.ts';
import { nameUnmoved } from './unmoved-stats.ts';
import { versionNumber } from './version.ts';

const STATE: Readonly<Record<ServerState, number>> = { LIVE: 0, DRAINING: 1, PRE_INITIALIZING: 2, INITIALIZING: 3 };

export class ServerStats implements TimerTarget {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #scope: StatsScope;
  readonly #timer: Timer;
  readonly #runtime: RuntimeStats;
  #intervalMs = 5000;

  constructor(server: Server) {
    this.#server = server;
    this.#clock = server.clock;
    this.#scope = server.stats.local.root.scope('server');
    this.#timer = new Timer(this, 0);
    this.#runtime = new RuntimeStats(server.stats.local.root);
  }

  start(config: CompiledConfig): void {
    this.#intervalMs = config.statsFlushIntervalMs;
    this.#scope.gauge('concurrency').set(this.#server.workers.size);
    this.#scope.gauge('hot_restart_epoch').set(0);
    this.#scope.gauge('version').set(versionNumber());
    this.#scope.histogram('initialization_time_ms').record(this.#clock.nowMs() - this.#server.startedMs);
    nameUnmoved(this.#server.stats.local.root, this.#server.workers.size);
    const listeners = this.#server.stats.local.root.scope('listener_manager');
    listeners.gauge('workers_started').set(1);
    const clusters = this.#server.stats.local.root.scope('cluster_manager');
    clusters.gauge('warming_clusters').set(0);
    this.onTimer();
  }

  stop(): void {
    this.#clock.disarm(this.#timer);
  }

  refreshRuntime(): void {
    this.#runtime.refresh(this.#server.runtime);
  }

  onTimer(): void {
    this.#refresh();
    if (this.#server.config?.statsFlushOnAdmin !== true) this.flush();
    this.#clock.arm(this.#timer, this.#intervalMs);
  }

  /** Ends a flush interval. */
  flush(): void {
    const { stats, sinks } = this.#server;
    if (sinks === null) stats.flush();
    else stats.flush(() => void sinks.flush());
  }

  #refresh(): void {
    const scope = this.#scope;
    const memory = memoryUse();
    scope.gauge('uptime').set(Math.floor((this.#clock.nowMs() - this.#server.startedMs) / 1000));
    scope.gauge('state').set(STATE[this.#server.state]);
    scope.gauge('live').set(this.#server.state === 'LIVE' ? 1 : 0);
    scope.gauge('memory_allocated').set(memory.allocated);
    scope.gauge('memory_heap_size').set(memory.heapSize);
    scope.gauge('memory_physical_size').set(memory.totalPhysicalBytes);
    this.#runtime.refresh(this.#server.runtime);
    const inflated = this.#server.stats.local.root.scope('thread_local_cluster_manager');
    inflated.gauge('main_thread.clusters_inflated').set(this.#server.clusterCount);
    for (let i = 0; i < this.#server.workers.size; i++) inflated.gauge(`worker_${i}.clusters_inflated`).set(this.#server.clusterCount);
    void this.#server.refresh();
    void this.#server.workers.connectionCount().then(
      (count) => scope.gauge('total_connections').set(count),
      // A worker is being replaced: the last number stands.
      () => undefined,
    );
  }
}
