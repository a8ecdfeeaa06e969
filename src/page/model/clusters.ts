/** Clusters and their hosts as the page shows them: found anew when they change, counted once a second. */
import type { HostRecord, HostUpdate } from '../../cluster/host-update.ts';
import { recordAddress } from '../../cluster/host-update.ts';
import { type ClusterSettings, makesOwnHosts } from '../../cluster/settings.ts';
import { currentHosts } from '../../cluster/status.ts';
import { DEGRADED, HealthFlag, NO_LOCALITY, UNHEALTHY } from '../../lb/host.ts';
import { parseIpPort } from '../../net/address.ts';
import { BREAKER_CELLS, CircuitBreaker, UNLIMITED } from '../../resilience/circuit-breaker.ts';
import type { StatNode } from '../../stats/series.ts';
import type { BreakerLimitsPart, BreakerUse, ClusterFigures, ClusterPart, HostSummary } from '../snapshot.ts';
import type { PageSource } from '../source.ts';
import { Latencies } from '../worker/latency-bins.ts';
import { Counters } from './counters.ts';
import { HostNode, QUANTILES } from './hosts.ts';
import { rate, shareOf } from './rates.ts';

/** Hosts that are told of one cluster. */
const MAX_HOSTS_TOLD = 1000;
/** Hosts of all clusters; clusters beyond have their number only. */
const MAX_HOSTS = 20_000;

const COUNTERS = [
  ...['upstream_rq_total', 'upstream_rq_completed', 'upstream_rq_5xx', 'upstream_rq_retry', 'upstream_rq_timeout'],
  ...['upstream_rq_per_try_timeout', 'upstream_rq_pending_overflow', 'upstream_rq_active_overflow', 'upstream_cx_overflow'],
  ...['upstream_rq_retry_overflow', 'upstream_cx_total', 'upstream_cx_connect_fail', 'upstream_cx_rx_bytes_total'],
  ...['upstream_cx_tx_bytes_total', 'upstream_cx_active'],
];
const [RQ, COMPLETED, E5, RETRY, TIMEOUT, TRY_TIMEOUT, PENDING_OVERFLOW, RQ_OVERFLOW] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const [CX_OVERFLOW, RETRY_OVERFLOW, CX, CX_FAIL, RX, TX, CX_ACTIVE] = [8, 9, 10, 11, 12, 13, 14] as const;

export class ClusterNode {
  readonly name: string;
  /** ClusterCatalog.id: another one for other settings. */
  readonly catalogId: number;
  readonly statName: string;
  readonly ownHosts: boolean;
  part: ClusterPart;
  hosts: readonly HostNode[] = [];
  /** Failures by gRPC status alone, and copies sent here, since the last second. */
  grpcFailures = 0;
  shadows = 0;
  readonly latencies = new Latencies();
  readonly counters: Counters;
  /** HostUpdate of `hosts`; null = fixed ones. */
  update: HostUpdate | null = null;
  /** Its numbers are in shared memory: some worker uses it. */
  used = false;
  /** `part` says of its hosts' health what was so before. */
  healthMoved = false;
  summary: HostSummary = NO_HOSTS;
  /** Of the last second. */
  figures: ClusterFigures | null = null;
  breakers: readonly [CircuitBreaker, CircuitBreaker] | null = null;
  #byAddress: Map<string, HostNode> | null = null;
  stats: StatNode | null = null;

  constructor(part: ClusterPart, catalogId: number, settings: ClusterSettings, fromZero: boolean) {
    this.part = part;
    this.name = settings.name;
    this.catalogId = catalogId;
    this.statName = (settings.altStatName === '' ? settings.name : settings.altStatName).replaceAll(':', '_');
    this.ownHosts = makesOwnHosts(settings.type);
    this.counters = new Counters(COUNTERS, fromZero);
  }

  hostAt(address: string): HostNode | null {
    if (this.#byAddress === null) {
      this.#byAddress = new Map();
      for (const host of this.hosts) if (!this.#byAddress.has(host.address)) this.#byAddress.set(host.address, host);
    }
    return this.#byAddress.get(address) ?? null;
  }

  setHosts(hosts: readonly HostNode[]): void {
    this.hosts = hosts;
    this.#byAddress = null;
  }

  get connections(): number {
    return this.counters.value(CX_ACTIVE);
  }
}

const NO_HOSTS: HostSummary = Object.freeze({ total: 0, healthy: 0, degraded: 0, unhealthy: 0, ejected: 0 });

export class ClusterBook {
  readonly #source: PageSource;
  readonly #nextId: () => number;
  readonly nodes = new Map<string, ClusterNode>();
  #hostCount = 0;
  #filled = false;
  /** Something has come, gone or changed since it was last set to false. */
  changed = true;
  /** Hosts whose health has changed in the last `look`. */
  readonly healthChanges: [ClusterNode, HostNode][] = [];

  constructor(source: PageSource, nextId: () => number) {
    this.#source = source;
    this.#nextId = nextId;
  }

  /** Finds out which clusters there are. */
  refresh(): void {
    const { catalog } = this.#source;
    for (const [name, node] of this.nodes) {
      if (catalog.has(name)) continue;
      this.nodes.delete(name);
      this.#hostCount -= node.hosts.length;
      this.changed = true;
    }
    for (const name of catalog.names()) {
      const known = this.nodes.get(name);
      const id = catalog.id(name);
      if (known !== undefined && known.catalogId === id) continue;
      const settings = catalog.settings(name)!;
      if (known !== undefined) this.#hostCount -= known.hosts.length;
      const part = clusterPart(known?.part.id ?? this.#nextId(), settings, this.#source.addedViaApi(name));
      // What a cluster counts that nobody has used so far is news from the first.
      const node = new ClusterNode(part, id, settings, this.#filled || this.#source.slab.find(id) < 0);
      this.nodes.set(name, node);
      this.#breakers(node, settings);
      this.#findHosts(node, settings, known?.hosts ?? [], this.#filled);
    }
    this.#filled = true;
  }

  /** Once a second: hosts that came and went, health, counters. */
  look(): void {
    const { slab, stats } = this.#source;
    this.healthChanges.length = 0;
    const parent = stats.root.known('cluster', '');
    for (const node of this.nodes.values()) {
      const inUse = slab.find(node.catalogId) >= 0;
      const update = this.#source.discoveredHosts(node.name);
      if (update !== node.update || (inUse && !node.used) || node.ownHosts) {
        const began = inUse && !node.used;
        node.used = inUse;
        if (!node.ownHosts || this.#ownHostsChanged(node)) {
          const settings = this.#source.catalog.settings(node.name);
          if (settings !== null) {
            if (began) this.#breakers(node, settings);
            this.#findHosts(node, settings, node.hosts, true);
          }
        }
      }
      if (!node.used && node.update === null) continue;
      this.#lookAtHosts(node);
      node.stats ??= parent?.known(node.statName, 'envoy.cluster_name') ?? null;
      node.counters.read(node.stats);
    }
  }

  /** The figures of the time since the last second, and forgets what was added to the node meanwhile. */
  figures(node: ClusterNode, seconds: number): ClusterFigures {
    const { counters: c } = node;
    const per = (i: number) => rate(c.risen(i), seconds);
    const [p50, p90, p99] = node.latencies.quantiles(QUANTILES);
    const answers = c.risen(COMPLETED);
    const failed = Math.min(answers, c.risen(E5) + node.grpcFailures);
    const figures: ClusterFigures = {
      id: node.part.id,
      // A request that found no connection was sent to nobody, and answered all the same.
      rps: rate(Math.max(c.risen(RQ), answers), seconds),
      errors: shareOf(failed, answers),
      p50: p50!,
      p90: p90!,
      p99: p99!,
      connectionsPerS: per(CX),
      connectFailuresPerS: per(CX_FAIL),
      rxBytesPerS: per(RX),
      txBytesPerS: per(TX),
      retriesPerS: per(RETRY),
      timeoutsPerS: rate(c.risen(TIMEOUT) + c.risen(TRY_TIMEOUT), seconds),
      overflowsPerS: rate(c.risen(PENDING_OVERFLOW) + c.risen(RQ_OVERFLOW) + c.risen(CX_OVERFLOW) + c.risen(RETRY_OVERFLOW), seconds),
      shadowsPerS: rate(node.shadows, seconds),
      breakers: node.breakers === null ? IDLE_BREAKERS : [breakerUse(node.breakers[0]), breakerUse(node.breakers[1])],
      hosts: node.summary,
    };
    node.figures = figures;
    node.grpcFailures = 0;
    node.shadows = 0;
    node.latencies.clear();
    return figures;
  }

  /** As it is now: its hosts with their health. */
  partOf(node: ClusterNode): ClusterPart {
    if (!node.healthMoved) return node.part;
    node.healthMoved = false;
    const outlier = this.#source.outlier(node.name);
    const hosts = node.hosts.slice(0, MAX_HOSTS_TOLD).map((host) => host.part(outlier, this.#source.clock));
    node.part = { ...node.part, hosts };
    return node.part;
  }

  #lookAtHosts(node: ClusterNode): void {
    const { cells } = this.#source.slab;
    for (const host of node.hosts) {
      if (host.look(cells)) {
        this.healthChanges.push([node, host]);
        node.healthMoved = true;
      }
      if (node.used) host.count(cells);
    }
    summarize(node);
  }

  #ownHostsChanged(node: ClusterNode): boolean {
    const now = this.#source.ownHosts(node.name);
    if (now.length !== node.part.hostCount) return true;
    for (const { address, counts } of now) {
      const host = node.hostAt(address);
      if (host !== null) host.own = counts;
      else if (node.hosts.length === now.length) return true;
    }
    return false;
  }

  #findHosts(node: ClusterNode, settings: ClusterSettings, before: readonly HostNode[], fromZero: boolean): void {
    const source = this.#source;
    const update = source.discoveredHosts(node.name);
    node.update = update;
    node.used = source.slab.find(node.catalogId) >= 0;
    const found = this.#records(node, settings, update);
    const known = new Map(before.map((host) => [`${host.priority} ${host.address}`, host]));
    const hosts: HostNode[] = [];
    const room = MAX_HOSTS - (this.#hostCount - node.hosts.length);
    for (const { record, priority } of found) {
      if (hosts.length >= room) break;
      const address = recordAddress(record).text;
      const same = known.get(`${priority} ${address}`);
      if (same !== undefined && (same.record === record || node.ownHosts)) hosts.push(same);
      else hosts.push(new HostNode(same?.id ?? this.#nextId(), address, record, priority, fromZero));
    }
    this.#hostCount += hosts.length - node.hosts.length;
    node.setHosts(hosts);
    for (const { address, counts } of node.ownHosts ? source.ownHosts(node.name) : []) {
      const host = node.hostAt(address);
      if (host !== null) host.own = counts;
    }
    const outlier = source.outlier(node.name);
    const byId = new Map(before.map((host) => [host.id, host.health]));
    for (const host of hosts) {
      host.look(source.slab.cells);
      const health = byId.get(host.id);
      if (health !== undefined && health !== host.health) this.healthChanges.push([node, host]);
    }
    const told = hosts.slice(0, MAX_HOSTS_TOLD).map((host) => host.part(outlier, source.clock));
    node.part = { ...node.part, hostCount: found.length, hosts: told };
    summarize(node);
    this.changed = true;
  }

  #records(node: ClusterNode, settings: ClusterSettings, update: HostUpdate | null): { record: HostRecord; priority: number }[] {
    const source = this.#source;
    if (node.ownHosts)
      return source.ownHosts(node.name).map(({ address, hostname }) => ({ record: ownRecord(address, hostname), priority: 0 }));
    const { priorities } = update ?? currentHosts(settings, node.catalogId, source.slab);
    return priorities.flatMap(({ hosts }, priority) => hosts.map((record) => ({ record, priority })));
  }

  #breakers(node: ClusterNode, settings: ClusterSettings): void {
    const { slab, runtime } = this.#source;
    const block = slab.find(node.catalogId);
    const cells = block < 0 ? new Int32Array(2 * BREAKER_CELLS) : slab.cells;
    const make = (priority: 0 | 1) => {
      const prefix = `circuit_breakers.${node.name}.${priority === 0 ? 'default' : 'high'}.`;
      return new CircuitBreaker(cells, Math.max(block, 0) + priority * BREAKER_CELLS, settings.breakers[priority], runtime, prefix);
    };
    node.breakers = block < 0 ? null : [make(0), make(1)];
    const limits = [make(0), make(1)].map(limitsPart) as [BreakerLimitsPart, BreakerLimitsPart];
    node.part = { ...node.part, limits };
  }
}

function summarize(node: ClusterNode): void {
  let [degraded, unhealthy, ejected] = [0, 0, 0];
  for (const { health } of node.hosts) {
    if ((health & UNHEALTHY) !== 0) unhealthy++;
    else if ((health & DEGRADED) !== 0) degraded++;
    if ((health & HealthFlag.FailedOutlierCheck) !== 0) ejected++;
  }
  const total = Math.max(node.part.hostCount, node.hosts.length);
  node.summary = { total, healthy: total - degraded - unhealthy, degraded, unhealthy, ejected };
}

function clusterPart(id: number, settings: ClusterSettings, addedViaApi: boolean): ClusterPart {
  return {
    id,
    name: settings.name,
    type: settings.type,
    lbPolicy: settings.balancer.policy,
    addedViaApi,
    tls: settings.tls !== null || settings.transportSocketMatches.some(({ tls }) => tls !== null),
    http2: settings.http.http2 !== null,
    healthChecked: settings.healthCheck !== null,
    outlierDetection: settings.outlier !== null,
    limits: [NO_LIMITS, NO_LIMITS],
    hostCount: 0,
    hosts: [],
  };
}

const NO_LIMITS: BreakerLimitsPart = Object.freeze({ connections: null, pending: null, requests: null, retries: null });

function limitsPart(breaker: CircuitBreaker): BreakerLimitsPart {
  return {
    connections: limit(breaker.connections.max),
    pending: limit(breaker.pendingRequests.max),
    requests: limit(breaker.requests.max),
    retries: limit(breaker.retries.max),
  };
}

function limit(max: number): number | null {
  return max >= UNLIMITED ? null : max;
}

function breakerUse(breaker: CircuitBreaker): BreakerUse {
  return {
    connections: breaker.connections.count,
    pending: breaker.pendingRequests.count,
    requests: breaker.requests.count,
    retries: breaker.retries.count,
    retriesLimit: limit(breaker.retries.max),
  };
}

const IDLE_USE: BreakerUse = Object.freeze({ connections: 0, pending: 0, requests: 0, retries: 0, retriesLimit: null });
const IDLE_BREAKERS: readonly [BreakerUse, BreakerUse] = [IDLE_USE, IDLE_USE];

/** Nothing to be shown but that there is such a cluster. */
export function isIdle({ breakers, hosts, ...figures }: ClusterFigures): boolean {
  const { id: _id, p50: _p50, p90: _p90, p99: _p99, ...rates } = figures;
  for (const rate of Object.values(rates)) if (rate !== 0) return false;
  for (const use of breakers) if (use.connections + use.pending + use.requests + use.retries !== 0) return false;
  return hosts.unhealthy === 0 && hosts.degraded === 0;
}

function ownRecord(address: string, hostname: string): HostRecord {
  const parsed = parseIpPort(address);
  return {
    ip: parsed === null || parsed.kind !== 'ip' ? '' : parsed.ip,
    port: parsed === null || parsed.kind !== 'ip' ? 0 : parsed.port,
    path: parsed === null ? address : '',
    hostname,
    weight: 1,
    health: 0,
    metadata: null,
    locality: NO_LOCALITY,
    localityWeight: 0,
    additional: [],
    check: null,
    slot: -1,
  };
}
