/** Active health checking of one cluster's hosts as they come and go. Loaded only when a cluster has health checks. */
import type { FormatEnvironment } from '../../http/format/operator.ts';
import { Http1Stats } from '../../http/h1/stats.ts';
import { DEFAULT_HTTP2_SETTINGS } from '../../http/h2/settings.ts';
import { Http2Stats } from '../../http/h2/stats.ts';
import { HealthFlag, hostHasConnected, readHostHealth, setHostHealth } from '../../lb/host.ts';
import { onUnexpectedException } from '../../net/connection.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import { nextTurn } from '../../runtime/turn.ts';
import type { StatsScope } from '../../stats/scope.ts';
import type { SecretSource } from '../../tls/secrets.ts';
import type { HostRecord, HostUpdate } from '../host-update.ts';
import type { ClusterSettings } from '../settings.ts';
import { CheckConnector } from './check-connector.ts';
import { CheckedHost } from './checked-host.ts';
import { type EventLog, HealthEvents } from './events.ts';
import { GrpcCheckParts, GrpcProbe } from './grpc-probe.ts';
import { HealthChecker, HealthCheckStats } from './health-checker.ts';
import { HttpCheckParts } from './http-check-parts.ts';
import { Http1Probe } from './http1-probe.ts';
import { Http2CheckProbe, type Http2ProbeParts } from './http2-probe.ts';
import type { Probe, ProbeListener } from './probe.ts';
import { RedisProbe } from './redis-probe.ts';
import type { HealthCheckSettings } from './settings.ts';
import { TcpProbe } from './tcp-probe.ts';

/** Thousands of hosts are not looked through for each result of each. */
const LOOK_AGAIN_MS = 20;

export interface ClusterHealthDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  readonly format: FormatEnvironment;
  readonly cells: Int32Array;
  /** `cluster.<name>.` of the control thread. */
  readonly scope: StatsScope;
  readonly secrets: SecretSource;
  openEventLog(path: string): EventLog;
  /** Something was thrown that should not be; the check's connection has been closed. */
  onException(error: unknown): void;
  /** Health words of the cluster's hosts have changed. */
  onHealthChanged(): void;
  /** A host that discovery has removed, and that stayed because it was healthy, is not any more. */
  onRemovable(): void;
  /** After each check. @param slot the host's cells */
  onCheckResult(slot: number, healthy: boolean): void;
}

export class ClusterHealth {
  readonly #cluster: ClusterSettings;
  readonly #deps: ClusterHealthDeps;
  readonly #checker: HealthChecker;
  readonly #newProbe: (host: CheckedHost, listener: ProbeListener) => Probe;
  #update: HostUpdate | null = null;
  #trafficSeen = false;
  #trafficLookedAtMs = Number.NEGATIVE_INFINITY;
  /** Health words have changed, and workers do not know it yet. */
  #untold = false;
  #closed = false;
  #waiting: Set<number> | null = null;
  #roundOver: () => void = () => undefined;

  /** @param settings of `cluster` */
  constructor(cluster: ClusterSettings, settings: HealthCheckSettings, deps: ClusterHealthDeps) {
    this.#cluster = cluster;
    this.#deps = deps;
    onUnexpectedException((error) => deps.onException(error));
    const stats = new HealthCheckStats(deps.scope);
    const logs = settings.eventLogs.map((path) => deps.openEventLog(path));
    this.#newProbe = probeMaker(cluster, settings, stats, deps);
    this.#checker = new HealthChecker(settings, {
      clock: deps.clock,
      random: deps.random,
      runtime: deps.runtime,
      stats,
      events: logs.length === 0 ? null : new HealthEvents(logs, deps.clock, settings.check.kind, cluster.name),
      newProbe: (host, listener) => this.#newProbe(host, listener),
      trafficSeen: () => this.#lookForTraffic(),
      onResult: (host, changed, healthy) => this.#onResult(host, changed, healthy),
    });
  }

  /** The cluster's hosts as they are now. New ones are marked as not healthy before this returns; the first checks begin. */
  apply(update: HostUpdate): void {
    this.#update = update;
    const gone = new Map(this.#checker.hosts.map((host) => [host.slot, host]));
    const fresh: CheckedHost[] = [];
    for (const { hosts } of update.priorities) {
      for (const record of hosts) {
        const known = gone.get(record.slot);
        // Without a place in shared memory nothing could be said of the host to workers.
        if (record.check?.disabled === true || record.slot < 0) continue;
        gone.delete(record.slot);
        if (known !== undefined) known.record = record;
        else if (this.#checker.get(record.slot) === null) fresh.push(this.#newHost(record));
      }
    }
    for (const [slot, host] of gone) {
      this.#checker.remove(slot);
      // A host that stays without being checked is as healthy as its list says.
      host.change(0, HealthFlag.FailedActiveHc | HealthFlag.DegradedActiveHc | HealthFlag.PendingActiveHc | HealthFlag.ActiveHcTimeout);
    }
    for (const host of fresh) this.#checker.add(host);
  }

  /** A host that discovery does not name any more stays as long as its checks pass. */
  keeps(record: HostRecord): boolean {
    if (this.#cluster.ignoreHealthOnHostRemoval || record.check?.disabled === true) return false;
    if ((record.health & HealthFlag.FailedEdsHealth) !== 0) return false;
    return this.#checker.get(record.slot) !== null && (readHostHealth(this.#deps.cells, record.slot) & HealthFlag.FailedActiveHc) === 0;
  }

  /** Discovery does not name the host any more, or names it again. */
  markRemoved(slot: number, removed: boolean): void {
    if (slot >= 0) setHostHealth(this.#deps.cells, slot, HealthFlag.PendingDynamicRemoval, removed);
  }

  /** Settles when every host of now has had its first result, or has left. */
  firstRound(): Promise<void> {
    const waiting = new Set(this.#checker.hosts.filter((host) => this.#checker.get(host.slot)!.first).map((host) => host.slot));
    if (waiting.size === 0) return Promise.resolve();
    const before = this.#roundOver;
    this.#waiting = waiting;
    return new Promise((resolve) => {
      this.#roundOver = () => {
        before();
        resolve();
      };
    });
  }

  /** A response of the data path carried x-envoy-immediate-health-check-fail. */
  failNow(slot: number): void {
    this.#checker.get(slot)?.failNow();
  }

  refreshGauges(): void {
    this.#checker.refreshGauges();
  }

  close(): void {
    this.#checker.close();
    this.#closed = true;
    this.#endRound();
  }

  #newHost(record: HostRecord): CheckedHost {
    const host = new CheckedHost(this.#deps.cells, record.slot, record);
    host.change(HealthFlag.FailedActiveHc | (this.#cluster.ignoreNewHostsUntilFirstCheck ? HealthFlag.PendingActiveHc : 0), 0);
    return host;
  }

  #onResult(host: CheckedHost, changed: boolean, healthy: boolean): void {
    if (changed) this.#tellSoon();
    if (this.#waiting?.delete(host.slot) === true && this.#waiting.size === 0) {
      // Whoever waits finds workers told of how the round has left the hosts.
      this.#tell();
      this.#endRound();
    }
    this.#deps.onCheckResult(host.slot, healthy);
    if (changed && host.failing && host.has(HealthFlag.PendingDynamicRemoval)) this.#deps.onRemovable();
  }

  /** What results of one turn of the event loop have changed is told at once: one sorting for all of it. */
  #tellSoon(): void {
    if (this.#untold) return;
    this.#untold = true;
    void nextTurn().then(() => this.#tell());
  }

  #tell(): void {
    if (!this.#untold || this.#closed) return;
    this.#untold = false;
    this.#deps.onHealthChanged();
  }

  #endRound(): void {
    this.#waiting = null;
    const tell = this.#roundOver;
    this.#roundOver = () => undefined;
    tell();
  }

  #lookForTraffic(): boolean {
    const now = this.#deps.clock.nowMs();
    if (this.#trafficSeen || now - this.#trafficLookedAtMs < LOOK_AGAIN_MS) return this.#trafficSeen;
    this.#trafficLookedAtMs = now;
    for (const { hosts } of this.#update?.priorities ?? [])
      for (const { slot } of hosts) if (hostHasConnected(this.#deps.cells, slot)) this.#trafficSeen = true;
    return this.#trafficSeen;
  }
}

function probeMaker(
  cluster: ClusterSettings,
  settings: HealthCheckSettings,
  stats: HealthCheckStats,
  deps: ClusterHealthDeps,
): (host: CheckedHost, listener: ProbeListener) => Probe {
  const connector = CheckConnector.of(cluster, settings, deps.scope, deps.secrets);
  const { check, reuseConnection } = settings;
  switch (check.kind) {
    case 'HTTP': {
      const parts = new HttpCheckParts(check, cluster.name, deps.format, deps.runtime, stats.verifyCluster);
      if (check.http2) {
        const http2 = http2Parts(cluster, deps);
        return (host, listener) => new Http2CheckProbe(host, listener, connector, parts, http2, reuseConnection);
      }
      new Http1Stats(deps.scope);
      return (host, listener) => new Http1Probe(host, listener, connector, parts, cluster.http.http1, reuseConnection);
    }
    case 'TCP':
      return (host, listener) => new TcpProbe(host, listener, connector, check, reuseConnection);
    case 'GRPC': {
      const http2 = http2Parts(cluster, deps);
      const parts = new GrpcCheckParts(check, cluster.name, settings.timeoutMs, deps.format);
      return (host, listener) => new GrpcProbe(host, listener, connector, parts, http2, reuseConnection);
    }
    case 'REDIS': {
      const existsFailure = stats.scope.counter('redis.exists_failure');
      return (host, listener) => new RedisProbe(host, listener, connector, check, reuseConnection, existsFailure);
    }
  }
}

function http2Parts(cluster: ClusterSettings, deps: ClusterHealthDeps): Http2ProbeParts {
  const settings = { ...(cluster.http.http2 ?? DEFAULT_HTTP2_SETTINGS), keepalive: null };
  return { settings, stats: new Http2Stats(deps.scope), clock: deps.clock, random: deps.random };
}
