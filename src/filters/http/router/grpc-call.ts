/** A gRPC call that the proxy makes itself and that stays open: messages go out as they come, until either side ends it. Source: Envoy's Grpc::AsyncStreamImpl. */
import { GrpcFrameDecoder, grpcFrame } from '../../../http/grpc-frames.ts';
import type { StreamRetrySettings } from '../../../http/grpc-service.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { type ConnectionInfo, StreamInfo } from '../../../http/stream-info.ts';
import type { FilterDeps } from '../../api.ts';
import { DetachedStream } from './detached-stream.ts';
import { readGrpcStatus } from './grpc.ts';
import type { RouterFilterFactory } from './router-filter-factory.ts';

export interface GrpcCallListener {
  onGrpcMessage(message: Buffer): void;
  /** Once, unless the call was cancelled. @param status of gRPC; -1: there was no answer, or none that is gRPC */
  onGrpcEnd(status: number): void;
}

/** Bytes that wait for a connection at most before the caller is told that the call is backed up. */
const HELD_BYTES = 1024 * 1024;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export class GrpcCall extends DetachedStream {
  readonly #listener: GrpcCallListener;
  readonly #done: () => void;
  #decoder: GrpcFrameDecoder | null;
  #pauses: number;
  #grpcStatus: number;

  constructor(
    deps: FilterDeps,
    connection: ConnectionInfo,
    headers: RequestHeaders,
    cluster: string,
    factory: RouterFilterFactory,
    timeoutMs: number,
    listener: GrpcCallListener,
    done: () => void,
    retry: StreamRetrySettings | null = null,
  ) {
    const { clock, random } = deps;
    const info = new StreamInfo(connection, clock.nowMs(), clock.wallMs(), random.nextU32());
    super(deps, info, headers, cluster, factory.detachedRoute(timeoutMs, retry), factory.newFilter(), HELD_BYTES);
    this.#listener = listener;
    this.#done = done;
    this.#decoder = null;
    this.#pauses = 0;
    this.#grpcStatus = -1;
  }

  /** The peer, or the way to it, does not take more for now. */
  get backedUp(): boolean {
    return this.#pauses > 0;
  }

  /** @param message copied @param last nothing follows */
  send(message: Uint8Array, last = false): void {
    if (this.ended || this.requestEnded) return;
    this.requestEnded = last;
    this.router.onRequestData(this, grpcFrame(message), last);
  }

  /** Nothing follows; the answer is still awaited. */
  endRequest(): void {
    if (this.ended || this.requestEnded) return;
    this.requestEnded = true;
    this.router.onRequestData(this, Buffer.alloc(0), true);
  }

  /** Ends it; the listener hears nothing more. */
  cancel(): void {
    if (this.ended) return;
    super.reset();
    this.#done();
  }

  override pauseRequest(pause: boolean): void {
    this.#pauses += pause ? 1 : -1;
  }

  override respondHeaders(headers: ResponseHeaders, end: boolean): void {
    this.responseStarted = true;
    this.#grpcStatus = readGrpcStatus(headers);
    if (end) this.#finish();
    else if (headers.status !== 200) this.reset();
  }

  override respondData(chunk: Buffer, end: boolean): void {
    this.#decoder ??= new GrpcFrameDecoder(MAX_ANSWER_BYTES);
    const frames = this.#decoder.decode(chunk);
    if (frames === null) {
      this.reset();
      return;
    }
    for (const { message } of frames) if (!this.ended) this.#listener.onGrpcMessage(message);
    if (end) this.#finish();
  }

  override respondTrailers(trailers: HeaderMap): void {
    this.#grpcStatus = readGrpcStatus(trailers);
    this.#finish();
  }

  override localReply(): void {
    this.#finish();
  }

  override reset(): void {
    this.#grpcStatus = -1;
    this.#finish();
  }

  #finish(): void {
    if (this.ended) return;
    super.reset();
    this.#done();
    this.#listener.onGrpcEnd(this.#grpcStatus);
  }
}
