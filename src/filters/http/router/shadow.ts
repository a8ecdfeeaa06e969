/**
 * Copies of a request for the clusters of its mirror policies. Each goes through a router filter of its own, which counts and times it
 * out like any request, and whose answer nobody gets. A mirror that cannot keep up loses its copy: the request itself never waits for it.
 */
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { StreamInfo } from '../../../http/stream-info.ts';
import type { TerminalHttpStream } from '../../api.ts';
import { DetachedStream } from './detached-stream.ts';
import type { RouterFilterFactory } from './router-filter-factory.ts';
import type { RouterRequest } from './router-request.ts';

/** All copies of one request. */
export class Shadows {
  readonly #streams: readonly ShadowStream[];

  constructor(streams: readonly ShadowStream[]) {
    this.#streams = streams;
  }

  start(end: boolean): void {
    for (const stream of this.#streams) stream.start(end);
  }

  /** @param chunk one that may be kept */
  data(chunk: Buffer, end: boolean): void {
    for (const stream of this.#streams) stream.data(chunk, end);
  }

  trailers(trailers: HeaderMap): void {
    for (const stream of this.#streams) stream.trailers(trailers);
  }

  /** The request has ended without its last part. */
  cancel(): void {
    for (const stream of this.#streams) stream.cancel();
  }
}

/** The copies to be made of a request whose headers are as they go upstream; null = none. Nothing is sent before `start`. */
export function prepareShadows(router: RouterRequest): Shadows | null {
  const { factory, stream, headers } = router;
  if (headers.method === 'CONNECT' || stream.isTunnel) return null;
  const streams: ShadowStream[] = [];
  for (const mirror of router.action.mirrors) {
    const cluster = mirror.clusterFor(headers, factory.deps.runtime, stream.info.randomValue);
    if (cluster === '' || stream.clusters.get(cluster) === null) continue;
    const copy = headers.clone();
    mirror.editHeaders(copy, stream.info);
    const trace = stream.info.trace === null ? null : stream.info.trace.copy(copy, mirror.traceSampled ?? null);
    copy.set('x-envoy-internal', 'true');
    copy.append('x-forwarded-for', factory.deps.localInfo.addressIp);
    const shadow = new ShadowStream(stream, copy, cluster, factory.shadows, router.globalTimeoutMs);
    shadow.info.trace = trace;
    factory.deps.watch?.shadowed(stream.info, stream.route, cluster);
    streams.push(shadow);
  }
  return streams.length === 0 ? null : new Shadows(streams);
}

class ShadowStream extends DetachedStream {
  #pauses: number;
  /** What came while the mirror could take no more. */
  #excess: number;

  constructor(main: TerminalHttpStream, headers: RequestHeaders, cluster: string, factory: RouterFilterFactory, timeoutMs: number) {
    const { clock, info } = main;
    const own = new StreamInfo(info.connection, clock.nowMs(), clock.wallMs(), info.randomValue);
    super(main, own, headers, cluster, factory.detachedRoute(timeoutMs), factory.newFilter(), main.bufferLimit);
    this.#pauses = 0;
    this.#excess = 0;
  }

  data(chunk: Buffer, end: boolean): void {
    if (this.ended) return;
    if (this.#pauses > 0) {
      this.#excess += chunk.length;
      if (this.#excess > this.bufferLimit) {
        this.clusters.get(this.clusterName)?.stats.retryOrShadowAbandoned.inc();
        this.reset();
        return;
      }
    }
    this.requestEnded = end;
    this.router.onRequestData(this, chunk, end);
  }

  trailers(trailers: HeaderMap): void {
    if (this.ended) return;
    this.requestEnded = true;
    this.router.onRequestTrailers(this, trailers);
  }

  cancel(): void {
    if (!this.requestEnded) this.reset();
  }

  // ── for the router filter ──

  override pauseRequest(pause: boolean): void {
    this.#pauses += pause ? 1 : -1;
    if (this.#pauses === 0) this.#excess = 0;
  }

  override respondHeaders(_headers: ResponseHeaders, end: boolean): void {
    this.responseStarted = true;
    if (end) this.reset();
  }

  override respondData(_chunk: Buffer, end: boolean): void {
    if (end) this.reset();
  }

  override respondTrailers(): void {
    this.reset();
  }

  override localReply(): void {
    this.reset();
  }
}
