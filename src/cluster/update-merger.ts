/**
 * Changes of hosts' health, weight or metadata that follow one another closely reach the workers as one (common_lb_config.update_merge_window);
 * hosts that come or go are told at once. Rules and statistics of Envoy's ClusterManagerImpl::scheduleUpdate.
 */
import { type Clock, Timer, type TimerTarget } from '../runtime/clock.ts';
import type { Counter, StatsScope } from '../stats/scope.ts';

type Deliver = () => void;

class Pending implements TimerTarget {
  readonly windowMs: number;
  readonly timer: Timer;
  readonly #viaMerge: Counter;
  readonly #clock: Clock;
  lastMs = Number.NEGATIVE_INFINITY;
  /** What is told when the window ends. A new list of hosts says their health, too. */
  hosts: Deliver | null = null;
  health: Deliver | null = null;

  constructor(windowMs: number, clock: Clock, viaMerge: Counter) {
    this.windowMs = windowMs;
    this.#clock = clock;
    this.#viaMerge = viaMerge;
    this.timer = new Timer(this, 0);
  }

  onTimer(): void {
    const deliver = this.hosts ?? this.health;
    this.hosts = null;
    this.health = null;
    this.lastMs = this.#clock.nowMs();
    this.#viaMerge.inc();
    deliver?.();
  }
}

export class UpdateMerger {
  readonly #clock: Clock;
  readonly #clusters = new Map<string, Pending>();
  readonly #updated: Counter;
  readonly #viaMerge: Counter;
  readonly #cancelled: Counter;
  readonly #outOfWindow: Counter;

  /** @param scope `cluster_manager.` */
  constructor(clock: Clock, scope: StatsScope) {
    this.#clock = clock;
    this.#updated = scope.counter('cluster_updated');
    this.#viaMerge = scope.counter('cluster_updated_via_merge');
    this.#cancelled = scope.counter('update_merge_cancelled');
    this.#outOfWindow = scope.counter('update_out_of_merge_window');
  }

  /** The cluster is ready: from now on its changes are counted, and merged. @param windowMs 0 = never */
  begin(cluster: string, windowMs: number): void {
    if (this.#clusters.has(cluster)) return;
    this.#clusters.set(cluster, new Pending(windowMs, this.#clock, this.#viaMerge));
  }

  has(cluster: string): boolean {
    return this.#clusters.has(cluster);
  }

  forget(cluster: string): void {
    const pending = this.#clusters.get(cluster);
    if (pending === undefined) return;
    this.#clock.disarm(pending.timer);
    this.#clusters.delete(cluster);
  }

  stop(): void {
    for (const name of [...this.#clusters.keys()]) this.forget(name);
  }

  /** Hosts came or went. */
  members(cluster: string, deliver: Deliver): void {
    this.#tell(cluster, false, null, deliver);
  }

  /** Weights, metadata or health that an endpoint list says. */
  details(cluster: string, deliver: Deliver): void {
    this.#tell(cluster, true, 'hosts', deliver);
  }

  /** Health that checks or outlier detection found out. */
  health(cluster: string, deliver: Deliver): void {
    this.#tell(cluster, true, 'health', deliver);
  }

  #tell(cluster: string, mergeable: boolean, kind: 'hosts' | 'health' | null, deliver: Deliver): void {
    const pending = this.#clusters.get(cluster);
    if (pending === undefined) {
      // What happens until a cluster is ready is part of its coming, and not a change of it.
      deliver();
      return;
    }
    if (pending.windowMs > 0) {
      const now = this.#clock.nowMs();
      const outside = now - pending.lastMs > pending.windowMs;
      if (mergeable && !outside) {
        pending[kind!] = deliver;
        if (!pending.timer.armed) this.#clock.arm(pending.timer, pending.windowMs);
        return;
      }
      if (mergeable) this.#outOfWindow.inc();
      if (pending.timer.armed) {
        this.#cancelled.inc();
        this.#clock.disarm(pending.timer);
      }
      const hosts = pending.hosts;
      pending.hosts = null;
      pending.health = null;
      pending.lastMs = now;
      // Health alone would not bring the list that was waiting.
      if (kind === 'health' && hosts !== null) hosts();
    }
    this.#updated.inc();
    deliver();
  }
}
