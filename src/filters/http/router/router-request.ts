/** What the router knows of a request: where it goes, how long it may take, and what balancing may look at. */
import type { Cluster, HttpPool, LbContext } from '../../../cluster/api.ts';
import type { AttemptTrace } from '../../../http/active-trace.ts';
import type { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { Flag } from '../../../http/response-flags.ts';
import type { ConnectionInfo, StreamInfo } from '../../../http/stream-info.ts';
import type { Host } from '../../../lb/host.ts';
import type { OverrideHost } from '../../../lb/override-hosts.ts';
import { TriedHosts } from '../../../resilience/retry-hosts.ts';
import type { HashResult, Route, RouteAction } from '../../../route/route.ts';
import { Overload } from '../../../runtime/overload.ts';
import { PassThroughFilter, type TerminalHttpStream } from '../../api.ts';
import { chargeResponse } from './accounting.ts';
import { observabilityName } from './answers.ts';
import { AttemptMeter } from './attempt-meter.ts';
import { logRoute } from './debug-lines.ts';
import type { AlternativeStats, RouteStats } from './route-stats.ts';
import type { RouterFilterFactory } from './router-filter-factory.ts';
import { findInvalidHeader } from './strict-headers.ts';
import { TcpTunnelPool, terminates } from './tcp-tunnel-pool.ts';
import type { Timeouts } from './timeouts.ts';
import { UpstreamLog } from './upstream-log.ts';
import { wantedMetadata } from './wanted-metadata.ts';

const NO_COOKIES: readonly string[] = [];

/** Fields that are set before anything else can look at them. */
const LATER = null as never;

export abstract class RouterRequest extends PassThroughFilter implements Timeouts, LbContext {
  readonly factory: RouterFilterFactory;
  stream: TerminalHttpStream;
  headers: RequestHeaders;
  route: Route;
  action: RouteAction;
  cluster: Cluster;
  globalTimeoutMs: number;
  perTryTimeoutMs: number;
  perTryIdleTimeoutMs: number;
  upstreamStreamDurationMs: number;
  hedges: boolean;
  timeoutStatus: number;
  grpc: boolean;
  /** `x-envoy-internal`: counted apart. */
  internal: boolean;
  routeStats: RouteStats | null;
  virtualClusterStats: RouteStats | null;
  /** `x-envoy-upstream-alt-stat-name`: counted under that name, too. */
  altStats: AlternativeStats | null;
  #hash: HashResult | null;
  #hashed: boolean;
  /** What retries avoid; null before the first try, and where they avoid nothing. */
  #tried: TriedHosts | null;

  constructor(factory: RouterFilterFactory) {
    super();
    this.factory = factory;
    this.stream = LATER;
    this.headers = LATER;
    this.route = LATER;
    this.action = LATER;
    this.cluster = LATER;
    this.globalTimeoutMs = 0;
    this.perTryTimeoutMs = 0;
    this.perTryIdleTimeoutMs = 0;
    this.upstreamStreamDurationMs = -1;
    this.hedges = false;
    this.timeoutStatus = 504;
    this.grpc = false;
    this.internal = false;
    this.routeStats = null;
    this.virtualClusterStats = null;
    this.altStats = null;
    this.#hash = null;
    this.#hashed = false;
    this.#tried = null;
  }

  // ── what balancing looks at ──

  get hash(): bigint | null {
    if (!this.#hashed) {
      this.#hashed = true;
      this.#hash = this.action.hash(this.headers, this.stream.info);
    }
    return this.#hash === null ? null : this.#hash.hash;
  }
  /** Cookies that hash policies made up for this client. */
  get setCookies(): readonly string[] {
    return this.#hash === null ? NO_COOKIES : this.#hash.setCookies;
  }
  get requestHeaders(): RequestHeaders {
    return this.headers;
  }
  get streamInfo(): StreamInfo {
    return this.stream.info;
  }
  get downstream(): ConnectionInfo {
    return this.stream.info.connection;
  }
  get hostSelectionRetries(): number {
    const policy = this.action.retryPolicy;
    return policy === null ? 1 : policy.hostSelectionRetryMaxAttempts;
  }
  /** For the first try alone, as in Envoy. */
  get overrideHost(): OverrideHost | null {
    const info = this.stream.info;
    return info.attemptCount > 1 ? null : info.overrideHost;
  }
  get metadataMatch(): Readonly<Record<string, unknown>> | null {
    return wantedMetadata(this.action.metadataMatch, this.stream.info);
  }
  shouldSelectAnotherHost(host: Host): boolean {
    return this.#tried?.avoids(host) ?? false;
  }
  get loadOverride(): TriedHosts | null {
    return this.#tried?.avoidsPriorities === true ? this.#tried : null;
  }

  /** null: tries are not logged. */
  openLog(picked: Host): UpstreamLog | null {
    return this.factory.upstreamLoggers.length === 0 ? null : new UpstreamLog(this.factory, this.stream, picked);
  }

  /** null: the cluster does not track its requests. */
  openMeter(): AttemptMeter | null {
    const { sizes, budgets } = this.cluster.stats;
    if (sizes === null && budgets === null) return null;
    return new AttemptMeter(this.stream.clock, this.perTryTimeoutMs, sizes, budgets);
  }

  /** null: tries have no spans of their own. */
  openTrace(): AttemptTrace | null {
    const info = this.stream.info;
    if (info.trace === null) return null;
    return info.trace.startAttempt(info, info.attemptCount, this.factory.settings.startChildSpan);
  }

  /** suppress_grpc_request_failure_code_stats. */
  excludesFromCodeStats(status: number): boolean {
    return this.grpc && this.factory.settings.suppressGrpcRequestFailureCodeStats && status >= 400;
  }

  protected useCluster(cluster: Cluster): void {
    this.cluster = cluster;
    const { requestPolicies } = cluster.settings;
    if (requestPolicies !== null) this.action = this.factory.actionOf(this.action, requestPolicies);
    const info = this.stream.info;
    info.upstreamCluster = cluster.name;
    info.upstreamClusterObservabilityName = observabilityName(cluster);
    info.clusterMetadata = cluster.metadata;
    const { log } = this.factory;
    if (log.debugEnabled) logRoute(log, this);
    const route = this.route;
    const host = route.virtualHost;
    const virtualCluster = host.virtualCluster(this.headers);
    if (virtualCluster !== '') {
      info.virtualClusterName = virtualCluster;
      this.virtualClusterStats = this.factory.routeStats.virtualCluster(host.name, virtualCluster);
    }
    if (route.statPrefix !== '') this.routeStats = this.factory.routeStats.route(host.name, route.statPrefix);
  }

  /** Refuses malformed x-envoy headers, and everything while the cluster is in maintenance mode. */
  protected admit(headers: RequestHeaders): boolean {
    const { overload } = this.factory;
    if (overload.any && overload.shed(Overload.FilterCheck)) {
      this.factory.stats.rqOverloadLocalReply.inc();
      this.stream.info.attemptCount = 1;
      this.stream.localReply(503, 'envoy overloaded', 0, 'overload');
      return false;
    }
    const settings = this.factory.settings;
    const invalid = settings.strictCheckHeaders.length === 0 ? null : findInvalidHeader(headers, settings.strictCheckHeaders);
    if (invalid !== null) {
      const body = `invalid header '${invalid}' with value '${headers.get(invalid)}'`;
      this.stream.localReply(400, body, Flag.IH, 'request_headers_failed_strict_check{' + invalid + '}', this.replyEditor(false, 0));
      return false;
    }
    const { runtime, random } = this.factory.deps;
    if (runtime.fraction('upstream.maintenance_mode.' + this.cluster.name, 0, 100, random.nextU32())) {
      chargeResponse(this, 503, null, null);
      this.cluster.stats.upstreamRqMaintenanceMode.inc();
      this.stream.localReply(503, 'maintenance mode', Flag.UO, 'maintenance_mode', this.replyEditor(true, 0));
      return false;
    }
    return !(this.cluster.dropOverload > 0 && this.#dropsForOverload());
  }

  /** drop_overloads of the cluster's endpoint list. */
  #dropsForOverload(): boolean {
    const { runtime, random } = this.factory.deps;
    const share = Math.min(this.cluster.dropOverload, runtime.integer('load_balancing_policy.drop_overload_limit', 100) / 100);
    if (random.nextU32() / 4294967296 >= share) return false;
    const all = share === 1;
    chargeResponse(this, 503, null, null);
    const edit = this.replyEditor(false, 0);
    const header = all ? 'x-envoy-unconditional-drop-overload' : 'x-envoy-drop-overload';
    this.stream.localReply(
      503,
      all ? 'unconditional drop overload' : 'drop overload',
      all ? Flag.UDO : Flag.DO,
      all ? 'unconditional_drop_overload' : 'drop_overload',
      (headers) => {
        edit(headers);
        if (!this.factory.settings.suppressEnvoyHeaders) headers.add(header, 'true');
      },
    );
    return true;
  }

  protected poolOf(cluster: Cluster, host: Host): HttpPool | null {
    const { action } = this;
    const { priority, retryPolicy } = action;
    if (retryPolicy !== null && retryPolicy.hosts !== null) {
      this.#tried ??= new TriedHosts(retryPolicy.hosts);
      this.#tried.note(host);
    }
    if (action.connectTerminates && terminates(action, this.headers.method))
      return new TcpTunnelPool(cluster, host, priority, this, action.connectProxyProtocol);
    return cluster.httpPool(host, priority, this);
  }

  /** What an answer given in the upstream's place carries: the route's headers, as any response. @param attempts 0 = not told */
  protected replyEditor(overloaded: boolean, attempts: number): (headers: ResponseHeaders) => void {
    return (headers) => {
      this.route.finalizeResponseHeaders(headers, this.stream.info);
      if (overloaded && !this.factory.settings.suppressEnvoyHeaders) headers.add('x-envoy-overloaded', 'true');
      if (attempts > 0 && this.route.virtualHost.includeAttemptCountInResponse) headers.set('x-envoy-attempt-count', String(attempts));
    };
  }
}
