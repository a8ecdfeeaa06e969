/** Counts gRPC calls, their messages and their outcome. Behaviour: Envoy's GrpcStatsFilter. */
import { GrpcFrameCounter } from '../../../http/grpc-frames.ts';
import { isGrpcContentType, isGrpcRequest } from '../../../http/grpc-status.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { type GrpcCallStats, GrpcCallStatsBook, serviceAndMethod } from '../../grpc-call-stats.ts';
import type { GrpcStatsSettings } from './config.ts';

const FILTER_STATE = 'envoy.filters.http.grpc_stats';

class GrpcStatsConfig {
  readonly settings: GrpcStatsSettings;
  readonly book = new GrpcCallStatsBook('grpc');
  readonly methods: ReadonlySet<string>;

  constructor(settings: GrpcStatsSettings) {
    this.settings = settings;
    this.methods = new Set(settings.methods);
  }

  /** null = the path names no method. */
  methodOf(path: string): string | null {
    const { allMethods, replaceDots } = this.settings;
    const names = serviceAndMethod(path);
    if (names === null) return null;
    if (allMethods) return `${replaceDots ? names.service.replaceAll('.', '_') : names.service}.${names.method}`;
    return this.methods.has(`/${names.service}/${names.method}`) ? `${names.service}.${names.method}` : '';
  }
}

class GrpcStatsFilter extends PassThroughFilter {
  readonly #config: GrpcStatsConfig;
  /** null = not counted. */
  #stats: GrpcCallStats | null;
  #request: GrpcFrameCounter | null;
  #response: GrpcFrameCounter | null;
  #requestMessages: number;
  #responseMessages: number;

  constructor(config: GrpcStatsConfig) {
    super();
    this.#config = config;
    this.#stats = null;
    this.#request = null;
    this.#response = null;
    this.#requestMessages = 0;
    this.#responseMessages = 0;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, _end: boolean): Status {
    if (!isGrpcRequest(headers)) return Status.Continue;
    this.#request = new GrpcFrameCounter();
    const cluster = stream.clusters.get(stream.clusterName);
    const method = cluster === null ? null : this.#config.methodOf(headers.path);
    if (cluster !== null && method !== null) this.#stats = this.#config.book.of(cluster, method);
    return Status.Continue;
  }

  override onRequestData(stream: HttpStream, chunk: Buffer, _end: boolean): Status {
    const begun = this.#request === null ? 0 : this.#request.count(chunk);
    if (begun > 0) {
      this.#requestMessages += begun;
      this.#tell(stream);
      this.#stats?.requestMessages(begun);
    }
    return Status.Continue;
  }

  override onResponseHeaders(stream: HttpStream, headers: ResponseHeaders, end: boolean): Status {
    const isGrpc = end ? headers.has('grpc-status') : headers.status === 200 && isGrpcContentType(headers.get('content-type'));
    if (isGrpc) this.#response = new GrpcFrameCounter();
    this.#stats?.status(headers);
    if (end) this.#tellTime(stream);
    return Status.Continue;
  }

  override onResponseData(stream: HttpStream, chunk: Buffer, _end: boolean): Status {
    const begun = this.#response === null ? 0 : this.#response.count(chunk);
    if (begun > 0) {
      this.#responseMessages += begun;
      this.#tell(stream);
      this.#stats?.responseMessages(begun);
    }
    return Status.Continue;
  }

  override onResponseTrailers(stream: HttpStream, trailers: HeaderMap): Status {
    this.#stats?.status(trailers);
    this.#tellTime(stream);
    return Status.Continue;
  }

  #tellTime(stream: HttpStream): void {
    if (this.#stats === null || !this.#config.settings.upstreamTimes || !(stream.info.lastUpstreamTxMs >= 0)) return;
    this.#stats.upstreamTime(Math.trunc(stream.clock.nowMs() - stream.info.lastUpstreamTxMs));
  }

  #tell(stream: HttpStream): void {
    if (!this.#config.settings.emitFilterState) return;
    stream.info.filterState ??= new Map();
    // FilterObject as JSON has it: 64-bit numbers are strings, and what is 0 is left out.
    const state: Record<string, string> = {};
    if (this.#requestMessages > 0) state['requestMessageCount'] = String(this.#requestMessages);
    if (this.#responseMessages > 0) state['responseMessageCount'] = String(this.#responseMessages);
    stream.info.filterState.set(FILTER_STATE, state);
  }
}

export function createGrpcStats(settings: GrpcStatsSettings, _deps: FilterDeps): HttpFilterFactory {
  const config = new GrpcStatsConfig(settings);
  return { newFilter: (): HttpFilter => new GrpcStatsFilter(config) };
}
