/** A connection manager without sockets: time moves when told to, chance is seeded, the codec on top and the filters below are the test's own. */
import type { AccessLogFilterSettings } from '../../src/access-log/settings.ts';
import type { AccessLogger, FilterDeps, HttpFilter, HttpFilterFactory, NetworkFilterCallbacks } from '../../src/filters/api.ts';
import { HcmStats } from '../../src/filters/network/http-connection-manager/hcm-stats.ts';
import type { HttpConnection } from '../../src/filters/network/http-connection-manager/http-connection.ts';
import { HttpConnectionManager } from '../../src/filters/network/http-connection-manager/http-connection-manager.ts';
import { LocalReplies, type LocalReplyMapperSettings } from '../../src/filters/network/http-connection-manager/local-reply.ts';
import type { HcmSettings } from '../../src/filters/network/http-connection-manager/settings.ts';
import type { RequestDecoder } from '../../src/http/codec.ts';
import { DEFAULT_HTTP1_SETTINGS, type Http1Settings } from '../../src/http/h1/settings.ts';
import { Http1Stats } from '../../src/http/h1/stats.ts';
import { DEFAULT_HTTP2_SETTINGS } from '../../src/http/h2/settings.ts';
import { Http2Stats } from '../../src/http/h2/stats.ts';
import type { HeaderMap } from '../../src/http/header-map.ts';
import { shortFlags } from '../../src/http/response-flags.ts';
import { type ConnectionInfo, StreamInfo } from '../../src/http/stream-info.ts';
import { SharedBlocks } from '../../src/lb/shared-blocks.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { type Address, ipAddress } from '../../src/net/address.ts';
import type { Connection } from '../../src/net/connection.ts';
import type { Route, RouteAction, RouteTable } from '../../src/route/route.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import type { OverloadState } from '../../src/runtime/overload.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { BackendFilter, FakeConnection, FakeEncoder, type HeaderLines, ProbeFilter, requestHeaders } from './hcm-fakes.ts';
import { PlainStats } from './plain-stats.ts';

export * from './hcm-fakes.ts';

export const HCM_SETTINGS: HcmSettings = {
  statPrefix: 'p',
  codecType: 'AUTO',
  routeConfig: null,
  rdsRouteConfigName: 'rds',
  httpFilters: [],
  http1: DEFAULT_HTTP1_SETTINGS,
  http2: DEFAULT_HTTP2_SETTINGS,
  serverName: 'envoy',
  serverHeaderTransformation: 'OVERWRITE',
  addUserAgent: false,
  useRemoteAddress: false,
  xffNumTrustedHops: 0,
  skipXffAppend: false,
  appendXForwardedPort: false,
  internalCidrs: [],
  internalUnixSockets: false,
  originalIpDetection: null,
  via: '',
  generateRequestId: true,
  preserveExternalRequestId: false,
  alwaysSetRequestIdInResponse: false,
  packTraceReason: true,
  tracing: null,
  normalizePath: false,
  normalizePathUnset: true,
  mergeSlashes: false,
  escapedSlashes: 'KEEP_UNCHANGED',
  stripMatchingHostPort: false,
  stripAnyHostPort: false,
  stripTrailingHostDot: false,
  idleTimeoutMs: 3_600_000,
  maxConnectionDurationMs: 0,
  maxStreamDurationMs: 0,
  requestTimeoutMs: 0,
  requestHeadersTimeoutMs: 0,
  streamIdleTimeoutMs: 300_000,
  drainTimeoutMs: 5_000,
  delayedCloseTimeoutMs: 1_000,
  maxRequestsPerConnection: 0,
  proxy100Continue: false,
  appendLocalOverload: false,
  schemeToOverwrite: '',
  representIpv4AsMapped: false,
  forwardClientCert: 'SANITIZE',
  clientCertDetails: { subject: false, cert: false, chain: false, dns: false, uri: false },
  upgrades: {},
  upgradeFilters: {},
  accessLogs: [],
  accessLogOnNewRequest: false,
  accessLogFlushIntervalMs: 0,
  accessLogOnTunnel: false,
  localReply: null,
  proxyStatus: null,
  earlyHeaderMutations: [],
};

export const LOCAL_INFO = {
  node: new Uint8Array(),
  nodeId: 'node-1',
  clusterName: 'sidecar',
  zone: '',
  hostname: 'host',
  addressIp: '192.0.2.2',
};

export function lines(headers: HeaderMap | null): Record<string, string> {
  const all: Record<string, string> = {};
  for (let i = 0; headers !== null && i < headers.size; i++) {
    const name = headers.names[i]!;
    all[name] = name in all ? all[name] + '|' + headers.values[i]! : headers.values[i]!;
  }
  return all;
}

export function connectionInfo(more: Partial<ConnectionInfo> = {}, remote: Address = ipAddress('203.0.113.7', 4444)): ConnectionInfo {
  const local = ipAddress('192.0.2.2', 8080);
  return {
    id: 1,
    localAddress: local,
    remoteAddress: remote,
    directLocalAddress: local,
    directRemoteAddress: remote,
    requestedServerName: '',
    transportProtocol: 'raw_buffer',
    applicationProtocols: [],
    filterChainName: '',
    listenerName: '',
    trafficDirection: 0,
    localAddressRestored: false,
    tls: null,
    transportFailureReason: '',
    upstreamSource: null,
    proxyTlvs: null,
    ...more,
  };
}

export function newStreamInfo(info: ConnectionInfo = connectionInfo()): StreamInfo {
  return new StreamInfo(info, 0, 1_700_000_000_000, 42);
}

export interface LogLine {
  readonly type: string;
  readonly code: number;
  readonly flags: string;
  readonly details: string;
}

export interface HcmRigOptions {
  readonly settings?: Partial<HcmSettings>;
  readonly http1?: Partial<Http1Settings>;
  /** null: the route table knows no route. */
  readonly action?: Partial<RouteAction> | null;
  /** Says which route's action a path gets; `action` for all others. */
  readonly actions?: Readonly<Record<string, Partial<RouteAction>>>;
  readonly noRouteTable?: boolean;
  readonly internalOnlyHeaders?: readonly string[];
  readonly mappers?: readonly Partial<LocalReplyMapperSettings>[];
  readonly bodyFormat?: LocalReplyMapperSettings['bodyFormat'];
  readonly overload?: OverloadState;
  readonly bufferLimit?: number;
  readonly remote?: Address;
  /** The one and only filter is the backend. */
  readonly bare?: boolean;
  /** In front of the backend, in place of the probe. */
  readonly filter?: (deps: FilterDeps) => HttpFilterFactory;
}

export class HcmRig {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  readonly log: LogLine[] = [];
  readonly probes: ProbeFilter[] = [];
  readonly backends: BackendFilter[] = [];
  readonly manager: HttpConnectionManager;
  /** Told to each probe before it sees anything. */
  prepare: (probe: ProbeFilter) => void = () => undefined;
  readonly #options: HcmRigOptions;

  constructor(options: HcmRigOptions = {}) {
    this.#options = options;
    const deps =
      options.overload === undefined ? hcmDeps(this.clock, this.stats) : { ...hcmDeps(this.clock, this.stats), overload: options.overload };
    const settings: HcmSettings = { ...HCM_SETTINGS, http1: { ...DEFAULT_HTTP1_SETTINGS, ...options.http1 }, ...options.settings };
    const logger: AccessLogger = {
      log: (info, type) =>
        void this.log.push({
          type,
          code: info.responseCode,
          flags: shortFlags(info.flags, info.flagOrder),
          details: info.responseCodeDetails,
        }),
    };
    const table = routeTable(options);
    const probe = {
      name: 'probe',
      disabled: false,
      factory: {
        newFilter: (): HttpFilter => {
          const filter = new ProbeFilter();
          this.prepare(filter);
          this.probes.push(filter);
          return filter;
        },
      },
    };
    const backend = {
      name: 'backend',
      disabled: false,
      factory: {
        newFilter: (): HttpFilter => new BackendFilter(this.backends) as unknown as HttpFilter,
      },
    };
    const own = options.filter === undefined ? null : { name: 'own', disabled: false, factory: options.filter(deps) };
    const replies =
      options.mappers === undefined && options.bodyFormat === undefined
        ? null
        : new LocalReplies({ mappers: (options.mappers ?? []).map(mapper), bodyFormat: options.bodyFormat ?? null }, deps);
    this.manager = new HttpConnectionManager(settings, deps, {
      filters: options.bare === true ? [backend] : [own ?? probe, backend],
      upgradeFilters: new Map(),
      routeTable: () => table,
      accessLoggers: [logger],
      localReplies: replies,
      http1Stats: new Http1Stats(this.stats),
      http2Stats: () => new Http2Stats(this.stats),
      stats: new HcmStats(this.stats.scope('http.p'), this.stats.scope('listener.l.http.p')),
      tracing: null,
    });
  }

  connect(more: Partial<ConnectionInfo> = {}): RigConnection {
    return new RigConnection(this, connectionInfo(more, this.#options.remote), this.#options.bufferLimit ?? 1 << 20);
  }

  /** A stream on a connection of its own, with its request's headers sent. */
  request(headers: HeaderLines = {}, more: { method?: string; path?: string; authority?: string; end?: boolean } = {}): RigStream {
    const stream = this.connect().newStream();
    stream.decoder.onRequestHeaders(requestHeaders(headers, more.method, more.path, more.authority), more.end ?? true);
    return stream;
  }

  get backend(): BackendFilter {
    return this.backends.at(-1)!;
  }
  get probe(): ProbeFilter {
    return this.probes.at(-1)!;
  }

  /** Value of `http.p.downstream_<name>`. */
  count(name: string): number {
    return this.stats.value('http.p.downstream_' + name);
  }

  /** Gauges that are not zero. */
  active(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.stats.nonZero()).filter(([name]) => name.endsWith('_active')));
  }
}

export class RigConnection {
  readonly rig: HcmRig;
  readonly socket = new FakeConnection();
  readonly http: HttpConnection;
  draining = false;
  readonly #drainListeners: (() => void)[] = [];
  #closed = false;

  constructor(rig: HcmRig, info: ConnectionInfo, bufferLimit: number) {
    this.rig = rig;
    const socket = this.socket;
    const isDraining = () => this.draining;
    const callbacks: NetworkFilterCallbacks = {
      connection: socket as unknown as Connection,
      info,
      streamInfo: newStreamInfo(info),
      bufferLimit,
      listenerScope: rig.stats,
      continueReading: () => undefined,
      close: (type) => socket.close(type),
      get draining() {
        return isDraining();
      },
      onDrain: (listener) => void this.#drainListeners.push(listener),
    };
    this.http = rig.manager.newConnection(callbacks) as HttpConnection;
    this.http.onConnection();
  }

  /** As the codec does at the first byte of a request. */
  newStream(): RigStream {
    const encoder = new FakeEncoder();
    return new RigStream(this, encoder, this.http.newStream(encoder));
  }

  /** Bytes from the client, through the real codec. */
  feed(text: string, end = false): this {
    this.socket.bytesReceived += text.length;
    this.http.onData(Buffer.from(text, 'latin1'), end);
    return this;
  }

  /** What the client has got since the last call. */
  received(): string {
    const text = this.socket.written;
    this.socket.written = '';
    return text;
  }

  notifyDrain(): void {
    for (const listener of this.#drainListeners) listener();
  }

  /** The socket is gone. */
  gone(byPeer = true): void {
    if (this.#closed) return;
    this.#closed = true;
    this.http.onClose(byPeer);
  }
}

export class RigStream {
  readonly connection: RigConnection;
  readonly encoder: FakeEncoder;
  readonly decoder: RequestDecoder;

  constructor(connection: RigConnection, encoder: FakeEncoder, decoder: RequestDecoder) {
    this.connection = connection;
    this.encoder = encoder;
    this.decoder = decoder;
  }
  data(text: string, end = false): this {
    this.decoder.onRequestData(Buffer.from(text, 'latin1'), end);
    return this;
  }
  get status(): number {
    return this.encoder.headers?.status ?? 0;
  }
  get answer(): Record<string, string> {
    return lines(this.encoder.headers);
  }
}

export function hcmDeps(clock: SimulatedClock, stats: PlainStats): FilterDeps {
  const random = seededRandom(11);
  return {
    clock,
    random,
    runtime: new StaticRuntime(),
    logger: silentLogger,
    clusters: { get: () => null },
    scope: stats.scope('http.p'),
    rootScope: stats,
    localInfo: LOCAL_INFO,
    format: { clock, random, hostname: 'host', variable: () => undefined },
    shared: new SharedBlocks(SharedSlab.create(1 << 18, 16)),
  };
}

export function mapper(more: Partial<LocalReplyMapperSettings>): LocalReplyMapperSettings {
  return { filter: null, status: 0, body: null, bodyFormat: null, headers: { add: [], remove: [] }, ...more };
}

/** status_code filter with a comparison. */
export function statusIs(value: number): AccessLogFilterSettings {
  return { kind: 'status_code', comparison: { op: 'EQ', value, runtimeKey: '' } };
}

function routeTable(options: HcmRigOptions): RouteTable | null {
  if (options.noRouteTable === true) return null;
  const usual = options.action === null ? null : rigRoute(options.action ?? {});
  const byPath = new Map(Object.entries(options.actions ?? {}).map(([path, action]) => [path, rigRoute(action)]));
  return {
    name: 'table',
    internalOnlyHeaders: options.internalOnlyHeaders ?? [],
    match: (headers) => byPath.get(headers.path) ?? usual,
  };
}

function rigRoute(action: Partial<RouteAction>): Route {
  return {
    name: 'r',
    virtualHost: {
      name: 'vh',
      includeRequestAttemptCount: false,
      includeAttemptCountInResponse: false,
      includeIsTimeoutRetryHeader: false,
      virtualCluster: () => '',
    },
    statPrefix: '',
    metadata: null,
    direct: null,
    action: {
      clusterName: () => 'c',
      clusterNotFoundStatus: 503,
      timeoutMs: 0,
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
      ...action,
    },
    filterSettings: () => undefined,
    filterDisabled: () => undefined,
    allFilterSettings: () => [],
    finalizeRequestHeaders: () => undefined,
    finalizeResponseHeaders: () => undefined,
  };
}
