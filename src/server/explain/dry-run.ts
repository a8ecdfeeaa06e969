/**
 * A request sent through the real connection manager and router, with everything that would leave a mark replaced: no socket, statistics that
 * nobody reads, a clock that stands still, and a pool that takes the request and forwards nothing. What it decides is what traffic gets.
 */
import { Socket } from 'node:net';
import type { Cluster, HttpPool, LbContext, PoolClient, TcpConnect } from '../../cluster/api.ts';
import type { WorkerCluster } from '../../cluster/cluster.ts';
import type { WorkerClusterManager } from '../../cluster/cluster-manager.ts';
import type { FilterDeps } from '../../filters/api.ts';
import { type HttpStream as FilterStream, type HttpFilter, type HttpFilterFactory, PassThroughFilter, Status } from '../../filters/api.ts';
import { RouterRequest } from '../../filters/http/router/router-request.ts';
import { HcmStats } from '../../filters/network/http-connection-manager/hcm-stats.ts';
import { HttpConnection } from '../../filters/network/http-connection-manager/http-connection.ts';
import { type ConfiguredFilter, HttpConnectionManager } from '../../filters/network/http-connection-manager/http-connection-manager.ts';
import type { HttpStream } from '../../filters/network/http-connection-manager/http-stream.ts';
import type { RequestDecoder, ResponseEncoder } from '../../http/codec.ts';
import { Http1Stats } from '../../http/h1/stats.ts';
import { Http2Stats } from '../../http/h2/stats.ts';
import type { RequestHeaders, ResponseHeaders } from '../../http/header-map.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import type { Host } from '../../lb/host.ts';
import type { DownstreamConnectionInfo } from '../../listener/connection-info.ts';
import type { Address } from '../../net/address.ts';
import { Connection, type ConnectionHandler } from '../../net/connection.ts';
import { createRetryState, type RetryState } from '../../resilience/retry-state.ts';
import type { Route } from '../../route/route.ts';
import { silentLogger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import { SimulatedClock } from '../../runtime/simulated-clock.ts';
import { discardStats } from '../../stats/discard.ts';
import type { ExplainQuestion } from './question.ts';

/** What the run needs of the worker that it runs on. */
export interface DryRunDeps {
  readonly clusters: WorkerClusterManager;
  newHttpFilter(type: string, settings: unknown, deps: FilterDeps): HttpFilterFactory;
}

/** What became of the request. */
export class DryRun {
  /** As the codec gave them. */
  received: RequestHeaders | null = null;
  /** After admission, as routes and filters see them; null if the request was refused before. */
  admitted: RequestHeaders | null = null;
  info: StreamInfo | null = null;
  route: Route | null = null;
  clusterName = '';
  /** The cluster that the router asked for a host. */
  cluster: WorkerCluster | null = null;
  /** The router as it stood when it asked: its timeouts. */
  router: RouterRequest | null = null;
  retry: RetryState | null = null;
  host: Host | null = null;
  /** As they would go upstream; null if nothing would. */
  forwarded: RequestHeaders | null = null;
  /** The proxy's own answer; null if the request would be forwarded. */
  reply: ResponseHeaders | null = null;
}

/** Chance that always says the same. */
class FixedRandom implements Random {
  readonly #value: number;
  constructor(value: number) {
    this.#value = value;
  }
  nextU32(): number {
    return this.#value;
  }
  below(bound: number): number {
    return Math.floor((this.#value / 4294967296) * bound);
  }
  uuid(): string {
    return '00000000-0000-4000-8000-000000000000';
  }
}

const IGNORE: ConnectionHandler = {
  onData: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onAboveWriteBufferHighWatermark: () => undefined,
  onBelowWriteBufferLowWatermark: () => undefined,
};

/** A connection whose other end is nobody. */
export class DryConnection extends Connection {
  constructor(local: Address, remote: Address) {
    super(new Socket(), IGNORE, local, remote);
  }
  override writeText(): void {}
  override write(): void {}
  override readDisable(): void {}
  override close(): void {
    this.closing = true;
  }
  override dispatch(fn: () => void): void {
    fn();
  }
}

class WatchedConnection extends HttpConnection {
  stream: HttpStream | null = null;
  override newStream(encoder: ResponseEncoder): RequestDecoder {
    const decoder = super.newStream(encoder);
    this.stream = decoder as HttpStream;
    return decoder;
  }
}

/** Notes what comes before the router. */
class Witness extends PassThroughFilter {
  readonly #run: DryRun;
  constructor(run: DryRun) {
    super();
    this.#run = run;
  }
  override onRequestHeaders(_stream: FilterStream, headers: RequestHeaders): Status {
    this.#run.admitted = headers.clone();
    return Status.Continue;
  }
}

class DryCluster implements Cluster {
  readonly name;
  readonly settings;
  readonly stats;
  readonly metadata;
  readonly dropOverload;
  readonly #copy: WorkerCluster;
  readonly #run: DryRun;
  readonly #deps: FilterDeps;

  constructor(copy: WorkerCluster, run: DryRun, deps: FilterDeps) {
    this.name = copy.name;
    this.settings = copy.settings;
    this.stats = copy.stats;
    this.metadata = copy.metadata;
    this.dropOverload = copy.dropOverload;
    this.#copy = copy;
    this.#run = run;
    this.#deps = deps;
  }

  get hostSets() {
    return this.#copy.hostSets;
  }

  circuitBreaker(priority: 0 | 1) {
    return this.#copy.circuitBreaker(priority);
  }

  chooseHost(context: LbContext): Host | null {
    const run = this.#run;
    if (context instanceof RouterRequest) {
      run.router = context;
      // The router makes its own of the same headers next, and takes those that steer retries away.
      const { retryPolicy, priority } = context.action;
      run.retry = createRetryState(retryPolicy, context.headers.clone(), this.circuitBreaker(priority).retries, this.stats, this.#deps);
    }
    run.host = this.#copy.chooseHost(context);
    return run.host;
  }

  httpPool(host: Host, _priority: 0 | 1, context: LbContext): HttpPool {
    return {
      host,
      acquire: (_client: PoolClient) => this.#forwarded(context),
      cancel: () => undefined,
      drain: () => undefined,
      close: () => undefined,
    };
  }

  connectTcp(_host: Host, _priority: 0 | 1, _client: unknown, context: LbContext): TcpConnect {
    this.#forwarded(context);
    return { cancel: () => undefined };
  }

  #forwarded(context: LbContext): void {
    this.#run.forwarded = context.requestHeaders?.clone() ?? null;
  }
}

/** @param facts the connection, as its filter chain was picked by */
export function dryRun(
  live: HttpConnectionManager,
  question: ExplainQuestion,
  facts: DownstreamConnectionInfo,
  bufferLimit: number,
  world: DryRunDeps,
): DryRun {
  const run = new DryRun();
  const clock = new SimulatedClock(live.deps.clock.wallMs());
  const random = new FixedRandom(question.random);
  const rootScope = discardStats;
  const deps: FilterDeps = {
    ...live.deps,
    clock,
    random,
    logger: silentLogger,
    newAccessLogger: () => ({ log: () => undefined }),
    watch: null,
    rootScope,
    scope: rootScope,
    clusters: {
      get: (name) => {
        // Who else is asked, once the request has its host, gets a copy of it.
        if (run.host !== null) return null;
        run.cluster = world.clusters.copy(name, { clock, random, rootScope });
        return run.cluster === null ? null : new DryCluster(run.cluster, run, deps);
      },
    },
  };
  const manager = new HttpConnectionManager(live.settings, deps, {
    filters: filtersToRun(live, run, deps, world),
    upgradeFilters: new Map(),
    routeTable: live.routeTable,
    accessLoggers: [],
    localReplies: live.localReplies,
    http1Stats: new Http1Stats(rootScope),
    http2Stats: () => new Http2Stats(rootScope),
    stats: new HcmStats(rootScope, rootScope),
    tracing: null,
  });
  const connection = new DryConnection(facts.localAddress, facts.remoteAddress);
  const http = new WatchedConnection(manager, {
    connection,
    info: facts,
    streamInfo: null as never,
    bufferLimit,
    listenerScope: rootScope,
    continueReading: () => undefined,
    close: () => undefined,
    draining: false,
    onDrain: () => undefined,
  });
  http.onData(Buffer.from(requestText(question), 'latin1'), false);
  const stream = http.stream!;
  run.info = stream.info;
  run.received = stream.info.requestHeaders;
  if (run.admitted !== null) {
    run.route = stream.route;
    run.clusterName = stream.clusterName;
  }
  run.reply = stream.info.responseHeaders;
  return run;
}

/** Filters that call others or keep counts are not run: the router alone decides here. */
function filtersToRun(live: HttpConnectionManager, run: DryRun, deps: FilterDeps, world: DryRunDeps): ConfiguredFilter[] {
  const witness: HttpFilter = new Witness(run);
  const filters: ConfiguredFilter[] = [{ name: '', disabled: false, factory: { newFilter: () => witness } }];
  const last = live.settings.httpFilters.at(-1);
  if (last !== undefined) filters.push({ name: last.name, disabled: false, factory: world.newHttpFilter(last.type, last.settings, deps) });
  return filters;
}

/** The head as a client writes it. */
function requestText(question: ExplainQuestion): string {
  const target = question.method === 'CONNECT' ? question.authority : question.path;
  let text = `${question.method} ${target} HTTP/1.1\r\n`;
  if (question.authority !== '') text += `host: ${question.authority}\r\n`;
  for (const [name, value] of question.headers) text += `${name}: ${Buffer.from(value, 'utf8').toString('latin1')}\r\n`;
  return text + '\r\n';
}
