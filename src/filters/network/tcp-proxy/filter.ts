/**
 * Carries a connection's bytes to a cluster and back: picks cluster and host, connects, and then splices both ways with half-close
 * and back-pressure. Source: envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.
 */

import type { Cluster, LbContext, TcpClient, TcpConnect } from '../../../cluster/api.ts';
import { wireBytes } from '../../../http/byte-meter.ts';
import { ResetReason } from '../../../http/reset-reason.ts';
import { Flag } from '../../../http/response-flags.ts';
import type { ConnectionInfo, StreamInfo } from '../../../http/stream-info.ts';
import type { Host } from '../../../lb/host.ts';
import { type Connection, type ConnectionHandler, keepChunk } from '../../../net/connection.ts';
import { JitteredExponentialBackOff } from '../../../resilience/back-off.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';
import { xxHash64 } from '../../../runtime/xxhash64.ts';
import type { AccessLogger, NetworkFilter, NetworkFilterCallbacks, NetworkFilterDeps, NetworkFilterFactory } from '../../api.ts';
import { Status } from '../../api.ts';
import type { TcpProxySettings } from './config.ts';
import { TcpProxyStats } from './tcp-proxy-stats.ts';
import { Tunnel, TunnelRequest } from './tunnel.ts';
import { type TcpUpstream, UpstreamSide } from './upstream-side.ts';

/** Filter state that earlier filters may set. */
const CLUSTER_STATE = 'envoy.tcp_proxy.cluster';
const IDLE_TIMEOUT_STATE = 'envoy.tcp_proxy.per_connection_idle_timeout_ms';

const EMPTY = Buffer.alloc(0);

const IDLE = 0;
const MAX_DURATION = 1;
const BACK_OFF = 2;
const LOG_FLUSH = 3;

/** What the connections of one filter chain share. */
export class TcpProxy implements NetworkFilterFactory {
  readonly settings: TcpProxySettings;
  readonly deps: NetworkFilterDeps;
  readonly stats: TcpProxyStats;
  readonly loggers: readonly AccessLogger[];
  /** null: bytes go upstream as they are. */
  readonly tunnel: TunnelRequest | null;
  readonly #totalWeight: number;

  constructor(settings: TcpProxySettings, deps: NetworkFilterDeps) {
    this.settings = settings;
    this.deps = deps;
    this.stats = new TcpProxyStats(deps.rootScope, settings.statPrefix);
    this.loggers = settings.accessLogs.map((log) => deps.newAccessLogger(log));
    this.tunnel = settings.tunneling === null ? null : new TunnelRequest(settings.tunneling, deps.format);
    this.#totalWeight = settings.weightedClusters.reduce((sum, c) => sum + c.weight, 0);
  }

  newFilter(callbacks: NetworkFilterCallbacks): NetworkFilter {
    return new TcpProxyFilter(this, callbacks);
  }

  pickCluster(): string {
    if (this.settings.cluster !== '') return this.settings.cluster;
    let value = this.#totalWeight === 0 ? 0 : this.deps.random.below(this.#totalWeight);
    for (const cluster of this.settings.weightedClusters) {
      if (value < cluster.weight) return cluster.name;
      value -= cluster.weight;
    }
    return '';
  }
}

export class TcpProxyFilter implements NetworkFilter, TcpClient, LbContext, TimerTarget {
  readonly streamInfo: StreamInfo;
  readonly downstream: ConnectionInfo;
  readonly hash: bigint | null;
  readonly requestHeaders = null;
  readonly hostSelectionRetries = 0;
  readonly metadataMatch: Readonly<Record<string, unknown>> | null;
  readonly proxy: TcpProxy;
  readonly connection: Connection;
  readonly #clusterName: string;
  readonly #idle: Timer;
  #idleTimeoutMs: number;
  #lastActivityMs: number;
  readonly #maxDuration: Timer | null;
  #backOffTimer: Timer | null;
  #backOff: JitteredExponentialBackOff | null;
  readonly #logFlush: Timer | null;
  #cluster: Cluster | null;
  #host: Host | null;
  #connect: TcpConnect | null;
  #upstream: TcpUpstream | null;
  #attempts: number;
  #txBuffered: number;
  /** What earlier filters passed on before there was an upstream; reading is paused, so it is what they held and no more. */
  #early: Buffer[] | null;
  #earlyEnd: boolean;
  #closed: boolean;

  constructor(proxy: TcpProxy, callbacks: NetworkFilterCallbacks) {
    const { settings } = proxy;
    // Counted here, as in Envoy: a connection that an earlier filter refuses has come to this one all the same.
    proxy.stats.cxTotal.inc();
    this.proxy = proxy;
    this.connection = callbacks.connection;
    this.streamInfo = callbacks.streamInfo;
    if (proxy.loggers.length > 0) this.streamInfo.streamId = proxy.deps.random.uuid();
    this.downstream = callbacks.info;
    this.metadataMatch = settings.metadataMatch;
    this.hash = hashOf(settings, callbacks);
    const { filterState } = this.streamInfo;
    this.#clusterName = stateText(filterState, CLUSTER_STATE) || proxy.pickCluster();
    const idleText = stateText(filterState, IDLE_TIMEOUT_STATE);
    this.#idleTimeoutMs = idleText === '' ? settings.idleTimeoutMs : Number(idleText);
    this.#idle = new Timer(this, IDLE);
    this.#lastActivityMs = 0;
    this.#maxDuration = settings.maxConnectionDurationMs > 0 ? new Timer(this, MAX_DURATION) : null;
    this.#backOffTimer = null;
    this.#backOff = null;
    this.#logFlush = settings.accessLogFlushIntervalMs > 0 && proxy.loggers.length > 0 ? new Timer(this, LOG_FLUSH) : null;
    this.#cluster = null;
    this.#host = null;
    this.#connect = null;
    this.#upstream = null;
    this.#attempts = 0;
    this.#txBuffered = 0;
    this.#early = null;
    this.#earlyEnd = false;
    this.#closed = false;
  }

  onConnection(): Status {
    const { settings, deps } = this.proxy;
    // Nothing is read before there is somewhere to put it.
    this.connection.readDisable(true);
    if (settings.flushAccessLogOnStart) this.#log('TcpConnectionStart');
    if (this.#maxDuration !== null) {
      const jitter =
        settings.maxConnectionDurationJitter === 0 ? 0 : (deps.random.nextU32() / 2 ** 32) * (settings.maxConnectionDurationJitter / 100);
      deps.clock.arm(this.#maxDuration, settings.maxConnectionDurationMs * (1 + jitter));
    }
    if (this.#logFlush !== null) deps.clock.arm(this.#logFlush, settings.accessLogFlushIntervalMs);
    this.#establish();
    return Status.Continue;
  }

  onData(chunk: Buffer, end: boolean): Status {
    const upstream = this.#upstream;
    this.#lastActivityMs = this.proxy.deps.clock.nowMs();
    if (upstream === null) {
      if (chunk.length > 0) (this.#early ??= []).push(keepChunk(chunk));
      this.#earlyEnd = this.#earlyEnd || end;
      return Status.Stop;
    }
    if (chunk.length > 0) {
      this.streamInfo.bytesReceived += chunk.length;
      this.proxy.stats.rxBytesTotal.add(chunk.length);
      upstream.write(chunk);
    }
    if (end) upstream.endWrite();
    return Status.Stop;
  }

  /** Bytes from upstream. */
  onUpstreamData(chunk: Buffer): void {
    this.#lastActivityMs = this.proxy.deps.clock.nowMs();
    this.streamInfo.bytesSent += chunk.length;
    this.proxy.stats.txBytesTotal.add(chunk.length);
    this.connection.write(chunk);
    this.#countBuffered(this.connection.bytesBuffered);
  }

  onUpstreamEnd(): void {
    this.connection.endWrite();
  }

  /** @param reset upstream sent RST, which is passed on as such */
  onUpstreamClosed(reset: boolean): void {
    this.#rememberBytes();
    this.#upstream = null;
    if (reset) {
      this.streamInfo.flags |= Flag.UR;
      this.downstream.closeType = 'LocalReset';
    }
    this.connection.close(reset ? 'reset' : 'flush');
  }

  onAboveWriteBufferHighWatermark(): void {
    const upstream = this.#upstream;
    if (upstream === null) return;
    upstream.readDisable(true);
    this.#cluster!.stats.upstreamFlowControlPausedReading.inc();
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#countBuffered(0);
    const upstream = this.#upstream;
    if (upstream === null) return;
    upstream.readDisable(false);
    this.#cluster!.stats.upstreamFlowControlResumedReading.inc();
  }

  /** Upstream takes no more for now: downstream is not read. */
  holdDownstream(hold: boolean): void {
    const { stats } = this.proxy;
    const cluster = this.#cluster!.stats;
    this.connection.readDisable(hold);
    (hold ? stats.flowControlPaused : stats.flowControlResumed).inc();
    (hold ? cluster.upstreamFlowControlBackedUp : cluster.upstreamFlowControlDrained).inc();
  }

  onClose(remote: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#disarmAll();
    this.#countBuffered(0);
    this.#connect?.cancel();
    this.#connect = null;
    this.#rememberBytes();
    const upstream = this.#upstream;
    this.#upstream = null;
    const reset = remote && this.connection.closeError === 'ECONNRESET';
    if (reset) this.downstream.closeType = 'RemoteReset';
    upstream?.detach(reset ? 'reset' : remote ? 'flush' : 'no-flush');
    this.#log('TcpConnectionEnd');
    const { watch, clock } = this.proxy.deps;
    if (watch == null) return;
    this.streamInfo.endMs = clock.nowMs();
    watch.connectionEnded(this.streamInfo, this.#clusterName);
  }

  onTcpConnected(connection: Connection): ConnectionHandler {
    const upstream = new UpstreamSide(this, connection);
    this.onUpstreamReady(upstream, connection);
    return upstream;
  }

  /** Bytes can flow. @param connection that carries them */
  onUpstreamReady(upstream: TcpUpstream, connection: Connection): void {
    const { clock } = this.proxy.deps;
    this.#connect = null;
    this.#host!.monitor?.onConnectedFinally();
    this.#upstream = upstream;
    const nowMs = clock.nowMs();
    this.streamInfo.upstreamLocalAddress = connection.localAddress;
    this.streamInfo.upstreamConnectionId = connection.id;
    this.streamInfo.upstreamTls = connection.tls;
    this.streamInfo.poolReadyMs = nowMs;
    this.#lastActivityMs = nowMs;
    this.proxy.stats.rxBytesBuffered.add(0);
    if (this.#idleTimeoutMs > 0) clock.arm(this.#idle, this.#idleTimeoutMs);
    if (this.proxy.settings.flushAccessLogOnConnected) this.#log('TcpUpstreamConnected');
    this.connection.readDisable(false);
    const early = this.#early;
    const end = this.#earlyEnd;
    this.#early = null;
    if (early !== null || end) this.onData(early === null ? EMPTY : Buffer.concat(early), end);
  }

  onTcpFailure(reason: ResetReason, transportFailure: string): void {
    this.#connect = null;
    const info = this.streamInfo;
    if (reason === ResetReason.Overflow) {
      info.flags |= Flag.UO;
      this.connection.close('no-flush');
      return;
    }
    if (reason !== ResetReason.LocalConnectionFailure) info.flags |= Flag.UF;
    info.upstreamTransportFailureReason = transportFailure;
    if (reason === ResetReason.ConnectionTimeout) this.#host!.monitor?.onTimeout(0);
    else if (reason === ResetReason.RemoteConnectionFailure) this.#host!.monitor?.onConnectFailed();
    this.#retry();
  }

  shouldSelectAnotherHost(): boolean {
    return false;
  }

  onTimer(timer: Timer): void {
    const { clock } = this.proxy.deps;
    if (timer.kind === BACK_OFF) this.connection.dispatch(() => this.#establish());
    else if (timer.kind === LOG_FLUSH) {
      this.#rememberBytes();
      this.#log('TcpPeriodic');
      clock.arm(timer, this.proxy.settings.accessLogFlushIntervalMs);
    } else if (timer.kind === MAX_DURATION) {
      this.streamInfo.flags |= Flag.DT;
      this.proxy.stats.maxConnectionDuration.inc();
      this.connection.close('no-flush');
    } else {
      // Bytes only note the time they came at; the timer finds out here whether it is due.
      const left = this.#lastActivityMs + this.#idleTimeoutMs - clock.nowMs();
      if (left > 0) clock.arm(timer, left);
      else {
        this.proxy.stats.idleTimeout.inc();
        this.connection.close('no-flush');
      }
    }
  }

  #establish(): void {
    const { deps, settings, stats } = this.proxy;
    const info = this.streamInfo;
    const cluster = deps.clusters.get(this.#clusterName);
    this.#cluster = cluster;
    if (cluster === null) {
      stats.cxNoRoute.inc();
      this.#fail(Flag.NC);
      return;
    }
    info.upstreamCluster = cluster.name;
    info.upstreamClusterObservabilityName = cluster.settings.altStatName || cluster.name;
    info.clusterMetadata = cluster.metadata;
    if (!cluster.circuitBreaker(0).connections.canCreate()) {
      cluster.stats.upstreamCxOverflow.inc();
      this.#fail(Flag.UO);
      return;
    }
    if (this.#attempts >= settings.maxConnectAttempts) {
      cluster.stats.upstreamCxConnectAttemptsExceeded.inc();
      this.#fail(Flag.URX);
      return;
    }
    const host = cluster.chooseHost(this);
    if (host === null) {
      this.#fail(Flag.UH);
      return;
    }
    this.#attempts++;
    info.attemptCount = this.#attempts;
    info.upstreamHost = host;
    this.#host = host;
    const { tunnel } = this.proxy;
    if (tunnel === null) {
      this.#connect = cluster.connectTcp(host, 0, this, this);
      return;
    }
    const pool = cluster.httpPool(host, 0, this);
    if (pool === null) {
      this.#fail(Flag.UO);
      return;
    }
    const connect = new Tunnel(this, tunnel, pool, cluster.settings.tls !== null);
    this.#connect = connect;
    connect.start();
  }

  #fail(flag: number): void {
    this.streamInfo.flags |= flag;
    this.connection.close('no-flush');
  }

  #retry(): void {
    const { settings, deps } = this.proxy;
    if (settings.backOff === null || this.#attempts >= settings.maxConnectAttempts) {
      this.#establish();
      return;
    }
    this.#backOff ??= new JitteredExponentialBackOff(settings.backOff.baseMs, settings.backOff.maxMs, deps.random);
    this.#backOffTimer ??= new Timer(this, BACK_OFF);
    deps.clock.arm(this.#backOffTimer, this.#backOff.nextMs());
  }

  #countBuffered(bytes: number): void {
    if (bytes === this.#txBuffered) return;
    this.proxy.stats.txBytesBuffered.add(bytes - this.#txBuffered);
    this.#txBuffered = bytes;
  }

  #rememberBytes(): void {
    const info = this.streamInfo;
    info.downstreamBytes = wireBytes(this.connection.bytesReceived, this.connection.bytesSent);
    if (this.#upstream === null) return;
    info.upstreamBytes = wireBytes(this.#upstream.bytesReceived, this.#upstream.bytesSent);
  }

  #disarmAll(): void {
    const { clock } = this.proxy.deps;
    clock.disarm(this.#idle);
    if (this.#maxDuration !== null) clock.disarm(this.#maxDuration);
    if (this.#backOffTimer !== null) clock.disarm(this.#backOffTimer);
    if (this.#logFlush !== null) clock.disarm(this.#logFlush);
  }

  #log(type: string): void {
    const { loggers, deps } = this.proxy;
    if (loggers.length === 0) return;
    this.streamInfo.endMs = deps.clock.nowMs();
    for (const logger of loggers) logger.log(this.streamInfo, type);
  }
}

function hashOf(settings: TcpProxySettings, callbacks: NetworkFilterCallbacks): bigint | null {
  const policy = settings.hashPolicy;
  if (policy === null) return null;
  if (policy.kind === 'source_ip') {
    const { ip } = callbacks.info.remoteAddress;
    return ip === '' ? null : xxHash64(ip);
  }
  const text = stateText(callbacks.streamInfo.filterState, policy.key);
  return text === '' ? null : xxHash64(text);
}

function stateText(state: ReadonlyMap<string, unknown> | null, key: string): string {
  const value = state?.get(key);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

export function createTcpProxy(settings: TcpProxySettings, deps: NetworkFilterDeps): NetworkFilterFactory {
  return new TcpProxy(settings, deps);
}
