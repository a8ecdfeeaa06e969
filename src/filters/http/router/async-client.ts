/** Requests that the proxy makes itself, through a cluster as any request: its hosts, balancing, breakers, TLS and statistics. Source: Envoy's AsyncClientImpl. */
import type { StreamRetrySettings } from '../../../http/grpc-service.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { type ConnectionInfo, StreamInfo } from '../../../http/stream-info.ts';
import { pipeAddress } from '../../../net/address.ts';
import type { FilterDeps } from '../../api.ts';
import { DetachedStream } from './detached-stream.ts';
import { readGrpcStatus } from './grpc.ts';
import { GrpcCall, type GrpcCallListener } from './grpc-call.ts';
import { RouterFilterFactory } from './router-filter-factory.ts';

export interface AsyncAnswer {
  /** @param grpcStatus of trailers or headers; -1 = none */
  onAnswer(status: number, grpcStatus: number): void;
  /** The answer was cut off. */
  onFailure(): void;
}

const SETTINGS = {
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
} as const;

export class AsyncClient {
  readonly #deps: FilterDeps;
  readonly #factory: RouterFilterFactory;
  #streams = 0;

  constructor(deps: FilterDeps) {
    this.#deps = deps;
    const scope = deps.rootScope.tagged('http', 'envoy.http_conn_manager_prefix', 'async-client');
    this.#factory = new RouterFilterFactory(SETTINGS, { ...deps, scope });
  }

  /** Requests that have not been answered yet. */
  get active(): number {
    return this.#streams;
  }

  /** False if there is no such cluster. `answer` hears once what came of it, perhaps from inside this call. */
  post(cluster: string, headers: RequestHeaders, body: Buffer, timeoutMs: number, answer: AsyncAnswer): boolean {
    if (this.#deps.clusters.get(cluster) === null) return false;
    headers.set('x-envoy-internal', 'true');
    headers.append('x-forwarded-for', this.#deps.localInfo.addressIp);
    this.#streams++;
    const stream = new AsyncStream(this.#deps, headers, cluster, this.#factory, timeoutMs, answer, () => {
      this.#streams--;
    });
    stream.start(false);
    stream.send(body);
    return true;
  }

  /**
   * A call that stays open. null if there is no such cluster, or it has failed at once: the listener then hears nothing.
   * @param timeoutMs 0 = none @param retry what is done where it cannot be opened; null = nothing
   */
  openGrpc(
    cluster: string,
    headers: RequestHeaders,
    timeoutMs: number,
    listener: GrpcCallListener,
    retry: StreamRetrySettings | null = null,
  ): GrpcCall | null {
    if (this.#deps.clusters.get(cluster) === null) return null;
    headers.set('x-envoy-internal', 'true');
    headers.append('x-forwarded-for', this.#deps.localInfo.addressIp);
    this.#streams++;
    let opening = true;
    const done = () => {
      this.#streams--;
    };
    const late: GrpcCallListener = {
      onGrpcMessage: (message) => listener.onGrpcMessage(message),
      onGrpcEnd: (status) => {
        if (!opening) listener.onGrpcEnd(status);
      },
    };
    const call = new GrpcCall(this.#deps, noConnection(), headers, cluster, this.#factory, timeoutMs, late, done, retry);
    call.start(false);
    opening = false;
    return call.ended ? null : call;
  }
}

/** No client has asked. */
export function noConnection(): ConnectionInfo {
  const nowhere = pipeAddress('');
  return {
    id: 0,
    localAddress: nowhere,
    remoteAddress: nowhere,
    directLocalAddress: nowhere,
    directRemoteAddress: nowhere,
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
  };
}

class AsyncStream extends DetachedStream {
  readonly #answer: AsyncAnswer;
  readonly #done: () => void;
  #status: number;
  #grpcStatus: number;

  constructor(
    deps: FilterDeps,
    headers: RequestHeaders,
    cluster: string,
    factory: RouterFilterFactory,
    timeoutMs: number,
    answer: AsyncAnswer,
    done: () => void,
  ) {
    const { clock, random } = deps;
    const info = new StreamInfo(noConnection(), clock.nowMs(), clock.wallMs(), random.nextU32());
    super(deps, info, headers, cluster, factory.detachedRoute(timeoutMs), factory.newFilter(), Number.MAX_SAFE_INTEGER);
    this.#answer = answer;
    this.#done = done;
    this.#status = 0;
    this.#grpcStatus = -1;
  }

  send(body: Buffer): void {
    if (this.ended) return;
    this.requestEnded = true;
    this.router.onRequestData(this, body, true);
  }

  override pauseRequest(): void {}

  override respondHeaders(headers: ResponseHeaders, end: boolean): void {
    this.responseStarted = true;
    this.#status = headers.status;
    this.#grpcStatus = readGrpcStatus(headers);
    if (end) this.#finish(true);
  }

  override respondData(_chunk: Buffer, end: boolean): void {
    if (end) this.#finish(true);
  }

  override respondTrailers(trailers: HeaderMap): void {
    this.#grpcStatus = readGrpcStatus(trailers);
    this.#finish(true);
  }

  override localReply(status: number): void {
    const cutOff = this.responseStarted;
    if (!cutOff) this.#status = status;
    this.#finish(!cutOff);
  }

  override reset(): void {
    this.#finish(false);
  }

  #finish(whole: boolean): void {
    if (this.ended) return;
    super.reset();
    this.#done();
    if (whole) this.#answer.onAnswer(this.#status, this.#grpcStatus);
    else this.#answer.onFailure();
  }
}
