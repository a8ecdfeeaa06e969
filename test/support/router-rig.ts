/** The router filter between a fake connection manager and a fake cluster: no sockets, time moves when told to. */
import type { Cluster, ClusterManager, HttpPool, LbContext, PoolClient } from '../../src/cluster/api.ts';
import { ClusterStats } from '../../src/cluster/cluster-stats.ts';
import { type ClusterSettings, DEFAULT_UPSTREAM_HTTP } from '../../src/cluster/settings.ts';
import type { FilterDeps, HttpFilter, TerminalHttpStream, WatermarkListener } from '../../src/filters/api.ts';
import { createRouter } from '../../src/filters/http/router/router-filter-factory.ts';
import type { RouterSettings } from '../../src/filters/http/router/settings.ts';
import type { RequestEncoder } from '../../src/http/codec.ts';
import { type HeaderMap, RequestHeaders, ResponseHeaders } from '../../src/http/header-map.ts';
import type { ResetReason } from '../../src/http/reset-reason.ts';
import { shortFlags } from '../../src/http/response-flags.ts';
import { type ConnectionInfo, StreamInfo } from '../../src/http/stream-info.ts';
import { HOST_CELLS, Host } from '../../src/lb/host.ts';
import { ipAddress } from '../../src/net/address.ts';
import type { Connection } from '../../src/net/connection.ts';
import { BREAKER_CELLS, CircuitBreaker, DEFAULT_THRESHOLDS, type ThresholdSettings } from '../../src/resilience/circuit-breaker.ts';
import { parseRetryOn, type RetryPolicySettings } from '../../src/resilience/retry-policy.ts';
import type { Route, RouteAction, VirtualHost } from '../../src/route/route.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from './plain-stats.ts';

export type HeaderLines = Readonly<Record<string, string>>;

export function retryPolicy(retryOn: string, more: Partial<RetryPolicySettings> = {}): RetryPolicySettings {
  return {
    retryOn: parseRetryOn(retryOn),
    numRetries: 1,
    perTryTimeoutMs: 0,
    perTryIdleTimeoutMs: 0,
    baseIntervalMs: 25,
    maxIntervalMs: 250,
    retriableStatusCodes: [],
    retriableHeaders: [],
    retriableRequestHeaders: [],
    hostSelectionRetryMaxAttempts: 1,
    hosts: null,
    rateLimitedBackOff: null,
    refreshCluster: false,
    ...more,
  };
}

export const ROUTER_SETTINGS: RouterSettings = {
  dynamicStats: true,
  suppressEnvoyHeaders: false,
  startChildSpan: false,
  respectExpectedRqTimeout: false,
  strictCheckHeaders: [],
  suppressGrpcRequestFailureCodeStats: false,
  upstreamLogs: [],
  logUpstreamReady: false,
  upstreamLogIntervalMs: 0,
  rejectConnectRequestEarlyData: false,
};

export interface RigOptions {
  readonly settings?: Partial<RouterSettings>;
  readonly action?: Partial<RouteAction>;
  readonly virtualHost?: Partial<VirtualHost>;
  readonly route?: Partial<Route>;
  /** null: no route matches. */
  readonly noRoute?: boolean;
  readonly unknownCluster?: boolean;
  readonly noHosts?: boolean;
  readonly dropOverload?: number;
  readonly thresholds?: Partial<ThresholdSettings>;
  readonly runtime?: Readonly<Record<string, string>>;
  readonly maxStreamDurationMs?: number;
  readonly bufferLimit?: number;
  readonly hostname?: string;
  /** What happens when a pool is asked: ready at once, kept waiting, or this failure. */
  readonly pool?: 'ready' | 'wait' | { readonly reason: ResetReason; readonly transport?: string; readonly noHost?: boolean };
  readonly tunnel?: boolean;
  /** The first attempt gets a connection that has been idle for so long. */
  readonly idleForMs?: number;
}

export interface RequestOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: HeaderLines;
  /** Chunks that follow the headers. */
  readonly body?: readonly string[];
  /** false: more of the request will come. */
  readonly end?: boolean;
}

/** One attempt as its upstream sees it. */
export class FakeAttempt implements RequestEncoder {
  readonly client: PoolClient;
  readonly host: Host;
  readonly connection = { id: 7, localAddress: ipAddress('10.0.0.1', 4000) } as Connection;
  readonly protocol = 'HTTP/1.1' as const;
  headers: Record<string, string> | null = null;
  readonly data: string[] = [];
  ended = false;
  trailers: HeaderMap | null = null;
  resetBy: ResetReason | null = null;
  cancelled = false;
  readDisables = 0;
  wireBytesReceived = 0;
  wireBytesSent = 0;
  headerBytesReceived = 0;
  headerBytesSent = 0;

  constructor(client: PoolClient, host: Host) {
    this.client = client;
    this.host = host;
  }
  ready(idleSinceMs = -1): void {
    this.client.onPoolReady(this, this.host, null, idleSinceMs);
  }
  fail(reason: ResetReason, transport = ''): void {
    this.client.onPoolFailure(reason, transport, this.host);
  }
  encodeHeaders(headers: RequestHeaders, end: boolean): void {
    this.headers = { ':method': headers.method, ':path': headers.path, ':authority': headers.authority };
    for (let i = 0; i < headers.size; i++) this.headers[headers.names[i]!] = headers.values[i]!;
    this.ended = end;
  }
  encodeData(chunk: Buffer, end: boolean): void {
    this.data.push(chunk.toString('latin1'));
    this.ended = end;
  }
  encodeTrailers(trailers: HeaderMap): void {
    this.trailers = trailers;
    this.ended = true;
  }
  readDisable(disable: boolean): void {
    this.readDisables += disable ? 1 : -1;
  }
  reset(reason: ResetReason): void {
    this.resetBy = reason;
  }
  respond(status: number, headers: HeaderLines = {}, end = true): void {
    this.client.onResponseHeaders(responseHeaders(status, headers), end);
  }
  respondData(text: string, end: boolean): void {
    this.client.onResponseData(Buffer.from(text), end);
  }
  drop(reason: ResetReason, transport = ''): void {
    this.client.onResponseReset(reason, transport);
  }
}

export function responseHeaders(status: number, lines: HeaderLines = {}): ResponseHeaders {
  const headers = new ResponseHeaders(status);
  for (const [name, value] of Object.entries(lines)) headers.add(name, value);
  return headers;
}

/** What the client got. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
  flags: string;
  details: string;
}

class FakeStream implements TerminalHttpStream {
  readonly info: StreamInfo;
  readonly random = seededRandom(1);
  readonly clock: SimulatedClock;
  readonly clusters: ClusterManager;
  requestHeaders = new RequestHeaders();
  responseHeaders: ResponseHeaders | null = null;
  route: Route | null;
  clusterName: string;
  requestEnded = false;
  responseStarted = false;
  ended = false;
  bufferLimit: number;
  isTunnel: boolean;
  wasReset = false;
  pauses = 0;
  body = '';
  trailers: HeaderMap | null = null;
  readonly informational: number[] = [];
  recreated: { headers: RequestHeaders; body: string[] | null } | null = null;
  watermarks: WatermarkListener | null = null;
  routeCacheCleared = 0;
  filter: HttpFilter | null = null;

  constructor(clock: SimulatedClock, clusters: ClusterManager, route: Route | null, options: RigOptions) {
    this.clock = clock;
    this.clusters = clusters;
    this.route = route;
    this.bufferLimit = options.bufferLimit ?? 1 << 20;
    this.isTunnel = options.tunnel ?? false;
    const address = ipAddress('127.0.0.1', 1);
    this.info = new StreamInfo({ remoteAddress: address, localAddress: address } as ConnectionInfo, clock.nowMs(), clock.wallMs(), 5);
    this.clusterName = route?.action?.clusterName(this.requestHeaders, this.info) ?? '';
  }
  clearRouteCache(): void {
    this.routeCacheCleared++;
  }
  routeSettings<T>(): T | null {
    return null;
  }
  continueRequest(): void {}
  continueResponse(): void {}
  injectRequestData(): void {}
  injectResponseData(): void {}
  holdRequest(): void {}
  holdResponse(): void {}
  localReply(status: number, body: string, flag: number, details: string, edit: ((headers: ResponseHeaders) => void) | null = null): void {
    if (this.ended) return;
    this.info.flags |= flag;
    this.info.responseCodeDetails = details;
    if (this.responseStarted) {
      this.reset();
      return;
    }
    const headers = new ResponseHeaders(status);
    edit?.(headers);
    this.respondHeaders(headers, body === '');
    if (body !== '') this.respondData(Buffer.from(body), true);
  }
  reset(): void {
    this.wasReset = true;
    this.#end();
  }
  respond1xx(headers: ResponseHeaders): void {
    this.informational.push(headers.status);
  }
  respondHeaders(headers: ResponseHeaders, end: boolean): void {
    this.responseHeaders = headers;
    this.responseStarted = true;
    if (end) this.#end();
  }
  respondData(chunk: Buffer, end: boolean): void {
    this.body += chunk.toString();
    if (end) this.#end();
  }
  respondTrailers(trailers: HeaderMap): void {
    this.trailers = trailers;
    this.#end();
  }
  pauseRequest(pause: boolean): void {
    this.pauses += pause ? 1 : -1;
  }
  recreate(headers: RequestHeaders, body: readonly Buffer[] | null): boolean {
    this.recreated = { headers, body: body === null ? null : body.map(String) };
    return true;
  }
  setWatermarkListener(listener: WatermarkListener | null): void {
    this.watermarks = listener;
  }
  hangUp(): void {
    this.#end();
  }
  #end(): void {
    if (this.ended) return;
    this.ended = true;
    this.filter!.onStreamEnd(this);
  }
}

export class RouterRig {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  readonly attempts: FakeAttempt[] = [];
  /** Lines of the upstream log. */
  readonly logged: string[] = [];
  readonly stream: FakeStream;
  readonly breaker: CircuitBreaker;
  readonly deps: FilterDeps;
  readonly hosts: Host[];
  /** May be changed on the way: what the next pool request meets, and whether hosts are left. */
  pool: NonNullable<RigOptions['pool']>;
  clusterExists: boolean;
  hostsExist: boolean;
  lastContext: LbContext | null = null;
  /** How often the pool was asked to close what is idle. */
  closedIdle = 0;
  readonly #idleForMs: number;

  constructor(options: RigOptions = {}) {
    this.pool = options.pool ?? 'ready';
    this.#idleForMs = options.idleForMs ?? -1;
    if (this.#idleForMs > 0) this.clock.advance(this.#idleForMs);
    this.clusterExists = options.unknownCluster !== true;
    this.hostsExist = options.noHosts !== true;
    const runtime = new StaticRuntime(new Map(Object.entries(options.runtime ?? {})));
    const cells = new Int32Array(BREAKER_CELLS);
    this.breaker = new CircuitBreaker(cells, 0, { ...DEFAULT_THRESHOLDS, ...options.thresholds }, runtime, 'circuit_breakers.a.default.');
    this.hosts = [1, 2].map((n) => new Host(ipAddress('10.0.0.' + n, 80), options.hostname ?? '', new Int32Array(HOST_CELLS), 0));
    const cluster = this.#cluster(options);
    const clusters: ClusterManager = { get: () => (this.clusterExists ? cluster : null) };
    this.stream = new FakeStream(this.clock, clusters, options.noRoute === true ? null : makeRoute(options), options);
    this.deps = {
      clock: this.clock,
      random: seededRandom(3),
      runtime,
      logger: silentLogger,
      clusters,
      scope: this.stats.scope('http.test'),
      rootScope: this.stats,
      localInfo: { addressIp: '10.9.9.9' },
      newAccessLogger: () => ({
        log: (info: StreamInfo, type: string) =>
          void this.logged.push(`${type} ${info.responseCode} ${info.bytesReceived}/${info.bytesSent} ${shortFlags(info.flags)}`),
      }),
    } as unknown as FilterDeps;
    this.stream.filter = createRouter({ ...ROUTER_SETTINGS, ...options.settings }, this.deps).newFilter(null, '');
  }

  /** Sends a request; by default a complete GET. */
  send(request: RequestOptions = {}): this {
    const headers = new RequestHeaders(request.method ?? 'GET', request.path ?? '/', 'shop.test', 'http');
    for (const [name, value] of Object.entries(request.headers ?? {})) headers.add(name, value);
    this.stream.requestHeaders = headers;
    const body = request.body ?? [];
    const end = request.end ?? true;
    this.#headers(end && body.length === 0);
    body.forEach((chunk, i) => void this.data(chunk, end && i === body.length - 1));
    return this;
  }

  data(chunk: string, end: boolean): this {
    if (this.stream.ended) return this;
    this.stream.requestEnded = end;
    this.stream.filter!.onRequestData(this.stream, Buffer.from(chunk), end);
    return this;
  }

  requestTrailers(trailers: HeaderMap): this {
    this.stream.requestEnded = true;
    this.stream.filter!.onRequestTrailers(this.stream, trailers);
    return this;
  }

  attempt(n: number): FakeAttempt {
    const attempt = this.attempts[n - 1];
    if (attempt === undefined) throw new Error(`there were ${this.attempts.length} attempts`);
    return attempt;
  }

  /** Lets a back-off pass. */
  backOff(): this {
    this.clock.advance(400);
    return this;
  }

  get answer(): Answer {
    const { stream } = this;
    const headers: Record<string, string> = {};
    const got = stream.responseHeaders;
    for (let i = 0; got !== null && i < got.size; i++) headers[got.names[i]!] = got.values[i]!;
    return {
      status: stream.responseHeaders?.status ?? 0,
      headers,
      body: stream.body,
      flags: shortFlags(stream.info.flags, stream.info.flagOrder),
      details: stream.info.responseCodeDetails,
    };
  }

  /** Value of `cluster.a.<name>`. */
  count(name: string): number {
    return this.stats.value('cluster.a.' + name);
  }

  hostCounts(n = 1) {
    const { rqError, rqSuccess, rqTimeout } = this.hosts[n - 1]!.counts();
    return { rqError, rqSuccess, rqTimeout };
  }

  #headers(end: boolean): void {
    this.stream.requestEnded = end;
    this.stream.filter!.onRequestHeaders(this.stream, this.stream.requestHeaders, end);
  }

  #cluster(options: RigOptions): Cluster {
    const settings = {
      name: 'a',
      altStatName: '',
      requestPolicies: null,
      http: { ...DEFAULT_UPSTREAM_HTTP, maxStreamDurationMs: options.maxStreamDurationMs ?? 0 },
    } as ClusterSettings;
    let picks = 0;
    return {
      name: 'a',
      settings,
      stats: new ClusterStats(this.stats.tagged('cluster', 'envoy.cluster_name', 'a')),
      metadata: null,
      dropOverload: options.dropOverload ?? 0,
      circuitBreaker: () => this.breaker,
      chooseHost: (context: LbContext) => {
        this.lastContext = context;
        return this.hostsExist ? this.hosts[picks++ % 2]! : null;
      },
      httpPool: (host: Host) => this.#pool(host),
    } as unknown as Cluster;
  }

  #pool(host: Host): HttpPool {
    return {
      host,
      acquire: (client: PoolClient) => {
        const attempt = new FakeAttempt(client, host);
        this.attempts.push(attempt);
        const idle = this.attempts.length === 1 ? this.#idleForMs : -1;
        if (this.pool === 'ready') attempt.ready(idle < 0 ? -1 : this.clock.nowMs() - idle);
        else if (this.pool !== 'wait')
          client.onPoolFailure(this.pool.reason, this.pool.transport ?? '', this.pool.noHost === true ? null : host);
      },
      cancel: (client: PoolClient) => {
        for (const attempt of this.attempts) if (attempt.client === client) attempt.cancelled = true;
      },
      drain: () => undefined,
      close: () => undefined,
      closeIdle: () => void this.closedIdle++,
    };
  }
}

function makeRoute(options: RigOptions): Route {
  const virtualHost: VirtualHost = {
    name: 'vh',
    includeRequestAttemptCount: false,
    includeAttemptCountInResponse: false,
    includeIsTimeoutRetryHeader: false,
    virtualCluster: () => '',
    ...options.virtualHost,
  };
  const action: RouteAction = {
    clusterName: () => 'a',
    clusterNotFoundStatus: 503,
    timeoutMs: 15_000,
    idleTimeoutMs: null,
    maxStreamDurationMs: null,
    grpcTimeoutHeaderMaxMs: null,
    grpcTimeoutHeaderOffsetMs: 0,
    maxGrpcTimeoutMs: null,
    grpcTimeoutOffsetMs: 0,
    retryPolicy: null,
    hedgeOnPerTryTimeout: false,
    priority: 0,
    autoHostRewrite: false,
    appendXForwardedHost: false,
    upgrades: null,
    connectTerminates: false,
    connectTerminatesPost: false,
    connectProxyProtocol: 0,
    internalRedirect: null,
    requestBufferLimit: null,
    mirrors: [],
    hash: () => null,
    metadataMatch: null,
    ...options.action,
  };
  return {
    name: 'r',
    virtualHost,
    statPrefix: '',
    metadata: null,
    direct: null,
    action,
    filterSettings: () => null,
    filterDisabled: () => undefined,
    allFilterSettings: () => [],
    finalizeRequestHeaders: () => undefined,
    finalizeResponseHeaders: (headers) => headers.add('x-from-route', 'yes'),
    ...options.route,
  };
}
