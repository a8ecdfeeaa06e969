/** Lets HTTP/1.1 clients make unary gRPC calls: what gRPC says in trailers is said in headers. Behaviour: Envoy's Http1BridgeFilter. */
import { GRPC_FRAME_HEADER_BYTES, grpcFrame } from '../../../http/grpc-frames.ts';
import { isGrpcRequest } from '../../../http/grpc-status.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { keepChunk } from '../../../net/connection.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import type { GrpcBridgeSettings } from './config.ts';

const PROTOBUF = 'application/x-protobuf';

class GrpcBridgeFilter extends PassThroughFilter {
  readonly #settings: GrpcBridgeSettings;
  #bridges: boolean;
  /** The client speaks bare protobuf: messages are framed for it. */
  #frames: boolean;
  /** Without content-length: all of the message has to be there before its length is known. */
  #kept: Buffer[] | null;
  #responseHeaders: ResponseHeaders | null;
  #responseLength: number;
  /** Of the frame header, still to be dropped. */
  #headerLeft: number;

  constructor(settings: GrpcBridgeSettings) {
    super();
    this.#settings = settings;
    this.#bridges = false;
    this.#frames = false;
    this.#kept = null;
    this.#responseHeaders = null;
    this.#responseLength = 0;
    this.#headerLeft = 0;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, end: boolean): Status {
    const { upgradeProtobuf, ignoreQuery } = this.#settings;
    if (upgradeProtobuf && headers.get('content-type') === PROTOBUF) {
      this.#frames = true;
      this.#headerLeft = GRPC_FRAME_HEADER_BYTES;
      stream.info.translatesGrpc = true;
      headers.set('content-type', 'application/grpc');
      headers.remove('content-length');
      stream.clearRouteCache();
    }
    if (!isGrpcRequest(headers)) return Status.Continue;
    this.#bridges = stream.info.protocol.startsWith('HTTP/1');
    if (ignoreQuery && this.#bridges) {
      const query = headers.path.indexOf('?');
      if (query >= 0) headers.path = headers.path.slice(0, query);
    }
    if (this.#frames && !end) this.#kept = [];
    return Status.Continue;
  }

  override onRequestData(stream: HttpStream, chunk: Buffer, end: boolean): Status {
    if (this.#kept === null) return Status.Continue;
    this.#kept.push(keepChunk(chunk));
    if (end) {
      const message = Buffer.concat(this.#kept);
      this.#kept = null;
      stream.injectRequestData(this, grpcFrame(message), true);
    }
    return Status.Stop;
  }

  override onResponseHeaders(_stream: HttpStream, headers: ResponseHeaders, end: boolean): Status {
    if (!this.#bridges || end) return Status.Continue;
    this.#responseHeaders = headers;
    return Status.Stop;
  }

  override onResponseData(stream: HttpStream, chunk: Buffer, end: boolean): Status {
    if (this.#responseHeaders === null) return Status.Continue;
    if (this.#headerLeft > 0) {
      // The frame's header is not the client's: what is left of the body goes on.
      const drop = Math.min(this.#headerLeft, chunk.length);
      this.#headerLeft -= drop;
      this.#responseLength += chunk.length - drop;
      stream.injectResponseData(this, chunk.subarray(drop), end);
      if (end) stream.continueResponse(this);
      return Status.Stop;
    }
    this.#responseLength += chunk.length;
    return end ? Status.Continue : Status.StopAndBuffer;
  }

  override onResponseTrailers(_stream: HttpStream, trailers: HeaderMap): Status {
    const headers = this.#responseHeaders;
    if (headers === null) return Status.Continue;
    adoptStatus(headers, trailers);
    headers.set('content-length', String(this.#responseLength));
    return Status.Continue;
  }
}

/** A call that failed is an error of HTTP, too. */
function adoptStatus(headers: ResponseHeaders, from: HeaderMap): void {
  const status = from.get('grpc-status');
  if (status !== undefined) {
    if (status !== '0') headers.status = 503;
    headers.set('grpc-status', status);
  }
  const message = from.get('grpc-message');
  if (message !== undefined) headers.set('grpc-message', message);
}

export function createGrpcBridge(settings: GrpcBridgeSettings, _deps: FilterDeps): HttpFilterFactory {
  return { newFilter: (): HttpFilter => new GrpcBridgeFilter(settings) };
}
