/**
 * Gauges of a cluster that hold for all workers together: membership and circuit breakers. Set on the control thread from shared memory
 * before statistics are shown, so that the request path has nothing to do with them.
 */
import { DEGRADED, EXCLUDED, HOST_HEALTH_CELL, UNHEALTHY } from '../lb/host.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';
import { BREAKER_CELLS, CircuitBreaker, type Resource, UNLIMITED } from '../resilience/circuit-breaker.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { Counter, Gauge, StatsScope } from '../stats/scope.ts';
import { requestWindow } from './block.ts';
import { EndpointStats } from './endpoint-stats.ts';
import { countEndpoints, type HostUpdate } from './host-update.ts';
import type { ClusterSettings, LocalitySettings } from './settings.ts';
import { currentHosts } from './status.ts';
import { matchStatisticOf } from './transport-sockets.ts';
import { nameUnmoved } from './unmoved-stats.ts';

/** Envoy's names, in its order: resource, `<…>_open`, `remaining_<…>`. */
const RESOURCES: readonly [
  keyof CircuitBreaker & ('connections' | 'pendingRequests' | 'requests' | 'retries' | 'connectionPools'),
  string,
  string,
][] = [
  ['connections', 'cx_open', 'remaining_cx'],
  ['connectionPools', 'cx_pool_open', 'remaining_cx_pools'],
  ['requests', 'rq_open', 'remaining_rq'],
  ['pendingRequests', 'rq_pending_open', 'remaining_pending'],
  ['retries', 'rq_retry_open', 'remaining_retries'],
];

interface ResourceGauges {
  readonly resource: Resource;
  readonly open: Gauge;
  readonly remaining: Gauge | null;
  readonly unlimited: boolean;
  /** Something has been counted. Envoy sets the gauge from then on only, so that a limit of 0 does not show as open before. */
  touched: boolean;
}

export class ControlGauges {
  readonly #settings: ClusterSettings;
  readonly #id: number;
  readonly #slab: SharedSlab;
  readonly #runtime: RuntimeSnapshot;
  readonly #clock: Clock;
  readonly #scope: StatsScope;
  readonly #total: Gauge;
  readonly #healthy: Gauge;
  readonly #degraded: Gauge;
  readonly #excluded: Gauge;
  readonly #maxWeight: Gauge;
  readonly #matches: Counter;
  /** Slots of the hosts whose transport socket has been looked up; null where there is one for all. */
  readonly #matched: Set<number> | null;
  readonly #endpoints: EndpointStats | null;
  readonly membershipChange: Counter;
  #hostsMade = 0;
  #named = false;
  #resources: ResourceGauges[] | null = null;
  #shared = false;
  #ownHosts = 0;

  /** @param scope `cluster.<name>.` of the control thread */
  constructor(settings: ClusterSettings, id: number, slab: SharedSlab, runtime: RuntimeSnapshot, scope: StatsScope, clock: Clock) {
    this.#clock = clock;
    this.#settings = settings;
    this.#id = id;
    this.#slab = slab;
    this.#runtime = runtime;
    this.#scope = scope;
    this.#total = scope.gauge('membership_total');
    this.#healthy = scope.gauge('membership_healthy');
    this.#degraded = scope.gauge('membership_degraded');
    this.#excluded = scope.gauge('membership_excluded');
    this.#maxWeight = scope.gauge('max_host_weight');
    this.#endpoints = settings.perEndpointStats ? new EndpointStats(scope, slab) : null;
    scope.gauge('warming_state').set(0);
    // Envoy looks up the transport socket of each host that it makes.
    this.#matches = scope.counter('default.total_match_count');
    this.#matched = settings.transportSocketMatches.length === 0 ? null : new Set();
    for (const { name } of settings.transportSocketMatches) scope.counter(name + '.total_match_count');
    this.membershipChange = scope.counter('membership_change');
    // A change is one of a priority's hosts.
    if (settings.type === 'STATIC') this.membershipChange.add(new Set(settings.localities.filter(hasEndpoints).map(priorityOf)).size);
  }

  /** All of Envoy's names from now on. An unused cluster has them only where `evenUnused` says that there are few. */
  nameAll(evenUnused: boolean): void {
    if (this.#named) return;
    const used = this.#slab.find(this.#id) >= 0;
    if (!used && !evenUnused) return;
    this.#named = true;
    const { outlier, tls, transportSocketMatches } = this.#settings;
    nameUnmoved(this.#scope, used, outlier !== null, tls !== null || transportSocketMatches.some((match) => match.tls !== null));
  }

  /** @param update hosts of a dynamic cluster, null for fixed ones @param hostsMade so far */
  refresh(update: HostUpdate | null, hostsMade: number): void {
    const hosts = update ?? currentHosts(this.#settings, this.#id, this.#slab);
    if (this.#matched === null) this.#matches.add(hostsMade - this.#hostsMade);
    else if (hostsMade !== this.#hostsMade) this.#countMatches(hosts, this.#matched);
    this.#hostsMade = hostsMade;
    this.#refreshMembership(hosts);
    this.#endpoints?.refresh(hosts);
    for (const gauges of this.#breakers()) {
      gauges.touched ||= gauges.resource.count > 0;
      if (gauges.touched) gauges.open.set(gauges.resource.canCreate() ? 0 : 1);
      // No limit is 2^64 - 1, which is -1 in a gauge.
      gauges.remaining?.set(gauges.unlimited ? -1 - gauges.resource.count : gauges.resource.remaining);
    }
  }

  /** Its hosts come from DNS: each answer counts them by itself. */
  get isResolved(): boolean {
    return this.#settings.type === 'STRICT_DNS' || this.#settings.type === 'LOGICAL_DNS';
  }

  /** Hosts of the configuration itself. */
  get fixedHosts(): number {
    return countEndpoints(this.#settings);
  }

  /** Membership of a cluster whose hosts workers make from traffic. */
  refreshOwn(hosts: number): void {
    // Each comes and goes by itself.
    this.membershipChange.add(Math.abs(hosts - this.#ownHosts));
    this.#matches.add(Math.max(0, hosts - this.#ownHosts));
    this.#ownHosts = hosts;
    this.#total.set(hosts);
    this.#healthy.set(hosts);
  }

  #countMatches({ priorities }: HostUpdate, matched: Set<number>): void {
    const before = new Set(matched);
    matched.clear();
    for (const { hosts } of priorities) {
      for (const { slot, metadata } of hosts) {
        matched.add(slot);
        if (slot < 0 || !before.has(slot)) this.#scope.counter(matchStatisticOf(this.#settings, metadata)).inc();
      }
    }
  }

  #refreshMembership(update: HostUpdate): void {
    let total = 0;
    let healthy = 0;
    let degraded = 0;
    let excluded = 0;
    // An answer without addresses leaves it at Envoy's start value.
    let maxWeight = this.#settings.type === 'STRICT_DNS' ? 1 : 0;
    const cells = this.#slab.cells;
    for (const { hosts } of update.priorities) {
      for (const host of hosts) {
        const flags = host.health | (host.slot < 0 ? 0 : Atomics.load(cells, host.slot + HOST_HEALTH_CELL));
        total++;
        if ((flags & EXCLUDED) !== 0) excluded++;
        if ((flags & UNHEALTHY) === 0) {
          if ((flags & DEGRADED) !== 0) degraded++;
          else healthy++;
        }
        maxWeight = Math.max(maxWeight, host.weight);
      }
    }
    this.#total.set(total);
    this.#healthy.set(healthy);
    this.#degraded.set(degraded);
    this.#excluded.set(excluded);
    // Envoy does not set it where the number of hosts never changes.
    if (this.#settings.type !== 'STATIC' && this.#settings.type !== 'LOGICAL_DNS') this.#maxWeight.set(maxWeight);
  }

  /** Bound to zeros until a worker uses the cluster. */
  #breakers(): ResourceGauges[] {
    const block = this.#slab.find(this.#id);
    if (this.#resources !== null && (this.#shared || block < 0)) return this.#resources;
    this.#shared = block >= 0;
    const cells = block < 0 ? new Int32Array(2 * BREAKER_CELLS) : this.#slab.cells;
    const gauges: ResourceGauges[] = [];
    for (const priority of [0, 1] as const) {
      const word = priority === 0 ? 'default' : 'high';
      const settings = this.#settings.breakers[priority];
      const prefix = `circuit_breakers.${this.#settings.name}.${word}.`;
      const window = block < 0 ? null : requestWindow(this.#settings, priority, cells, block, this.#clock);
      const base = Math.max(block, 0) + priority * BREAKER_CELLS;
      const breaker = new CircuitBreaker(cells, base, settings, this.#runtime, prefix, null, window);
      for (const [name, open, remaining] of RESOURCES) {
        gauges.push({
          resource: breaker[name],
          open: this.#scope.gauge(`circuit_breakers.${word}.${open}`),
          remaining: settings.trackRemaining ? this.#scope.gauge(`circuit_breakers.${word}.${remaining}`) : null,
          unlimited: name === 'connectionPools' && settings.maxConnectionPools === UNLIMITED,
          touched: false,
        });
      }
    }
    this.#resources = gauges;
    return gauges;
  }
}

function hasEndpoints(locality: LocalitySettings): boolean {
  return locality.endpoints.length > 0;
}

function priorityOf(locality: LocalitySettings): number {
  return locality.priority;
}
