/** Translates gRPC-Web of browsers to gRPC and back: trailers become a frame of the body, text variants are base64. Behaviour: Envoy's GrpcWebFilter. */
import { grpcFrame } from '../../../http/grpc-frames.ts';
import { httpToGrpcStatus, isGrpcContentType, percentEncodeGrpcMessage } from '../../../http/grpc-status.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { keepChunk } from '../../../net/connection.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { type GrpcCallStats, GrpcCallStatsBook, serviceAndMethod } from '../../grpc-call-stats.ts';
import type { GrpcWebSettings } from './config.ts';

const WEB = 'application/grpc-web';
const WEB_PROTO = 'application/grpc-web+proto';
const TEXT = 'application/grpc-web-text';
const TEXT_PROTO = 'application/grpc-web-text+proto';
/** Flag of the frame that carries trailers. */
const TRAILERS = 0x80;
/** Bytes of an answer that is no gRPC which are told as its message. */
const MAX_MESSAGE = 16_384;
const BAD_BASE64 = 'Bad gRPC-web request, invalid base64 data.';
const EMPTY = Buffer.alloc(0);

class GrpcWebFilter extends PassThroughFilter {
  readonly #book: GrpcCallStatsBook;
  #stats: GrpcCallStats | null;
  #isWeb: boolean;
  #isTextRequest: boolean;
  #isTextResponse: boolean;
  /** Base64 text, or answer, that is not whole. */
  #pending: Buffer;
  /** null = the answer is gRPC. */
  #foreign: ResponseHeaders | null;

  constructor(book: GrpcCallStatsBook) {
    super();
    this.#book = book;
    this.#stats = null;
    this.#isWeb = false;
    this.#isTextRequest = false;
    this.#isTextResponse = false;
    this.#pending = EMPTY;
    this.#foreign = null;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, _end: boolean): Status {
    const type = headers.get('content-type');
    if (type !== WEB && type !== WEB_PROTO && type !== TEXT && type !== TEXT_PROTO) return Status.Continue;
    this.#isWeb = true;
    stream.info.translatesGrpc = true;
    const cluster = stream.clusters.get(stream.clusterName);
    const names = serviceAndMethod(headers.path);
    if (cluster !== null && names !== null) this.#stats = this.#book.of(cluster, `${names.service}.${names.method}`);
    // It counts the bytes of the client's coding.
    headers.remove('content-length');
    this.#isTextRequest = type === TEXT || type === TEXT_PROTO;
    headers.set('content-type', 'application/grpc');
    const accept = headers.get('accept');
    this.#isTextResponse = accept === TEXT || accept === TEXT_PROTO;
    headers.set('te', 'trailers');
    headers.set('grpc-accept-encoding', 'identity');
    return Status.Continue;
  }

  override onRequestData(stream: HttpStream, chunk: Buffer, end: boolean): Status {
    if (!this.#isTextRequest) return Status.Continue;
    const text = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (end && text.length === 0) return Status.Continue;
    if (end && text.length % 4 !== 0) {
      stream.localReply(400, BAD_BASE64, 0, 'grpc_base_64_decode_failed_bad_size');
      return Status.Stop;
    }
    const whole = text.length - (text.length % 4);
    this.#pending = whole === text.length ? EMPTY : Buffer.from(text.subarray(whole));
    if (whole === 0) return Status.Stop;
    const decoded = decodeBase64(text.toString('latin1', 0, whole));
    if (decoded === null) {
      stream.localReply(400, BAD_BASE64, 0, 'grpc_base_64_decode_failed');
      return Status.Stop;
    }
    stream.injectRequestData(this, decoded, end);
    return Status.Stop;
  }

  override onResponseHeaders(_stream: HttpStream, headers: ResponseHeaders, end: boolean): Status {
    if (!this.#isWeb) return Status.Continue;
    this.#stats?.status(headers);
    const type = headers.get('content-type');
    const isGrpc = end ? headers.has('grpc-status') : headers.status === 200 && isGrpcContentType(type);
    const isForeign = !isGrpc && type !== WEB_PROTO && type !== TEXT_PROTO;
    headers.set('content-type', this.#isTextResponse ? TEXT_PROTO : WEB_PROTO);
    this.#pending = EMPTY;
    if (!isForeign) return Status.Continue;
    if (end) return Status.Continue;
    this.#foreign = headers;
    return Status.Stop;
  }

  override onResponseData(stream: HttpStream, chunk: Buffer, end: boolean): Status {
    if (!this.#isWeb) return Status.Continue;
    if (this.#foreign !== null) return this.#keepForeign(stream, this.#foreign, chunk, end);
    if (!this.#isTextResponse) return Status.Continue;
    stream.injectResponseData(this, this.#encodeFrames(chunk), end);
    return Status.Stop;
  }

  override onResponseTrailers(stream: HttpStream, trailers: HeaderMap): Status {
    if (!this.#isWeb) return Status.Continue;
    this.#stats?.status(trailers);
    if (this.#foreign !== null) {
      tellForeign(this.#foreign, this.#pending);
      return Status.Continue;
    }
    let text = '';
    for (let i = 0; i < trailers.size; i++) text += `${trailers.names[i]}:${trailers.values[i]}\r\n`;
    const frame = grpcFrame(Buffer.from(text, 'latin1'), TRAILERS);
    trailers.removeIf(() => true);
    const body = this.#isTextResponse ? Buffer.from(frame.toString('base64'), 'latin1') : frame;
    stream.injectResponseData(this, body, false);
    return Status.Continue;
  }

  /** Whole frames in base64, each on its own. */
  #encodeFrames(chunk: Buffer): Buffer {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let text = '';
    while (rest.length >= 5) {
      const size = 5 + rest.readUInt32BE(1);
      if (rest.length < size) break;
      text += rest.toString('base64', 0, size);
      rest = rest.subarray(size);
    }
    this.#pending = rest.length === 0 ? EMPTY : Buffer.from(rest);
    return Buffer.from(text, 'latin1');
  }

  #keepForeign(stream: HttpStream, headers: ResponseHeaders, chunk: Buffer, end: boolean): Status {
    if (this.#pending.length < MAX_MESSAGE && chunk.length > 0) {
      const kept = this.#pending.length === 0 ? keepChunk(chunk) : Buffer.concat([this.#pending, chunk]);
      this.#pending = kept.length > MAX_MESSAGE ? kept.subarray(0, MAX_MESSAGE) : kept;
    }
    if (!end) return Status.Stop;
    tellForeign(headers, this.#pending);
    stream.continueResponse(this);
    stream.injectResponseData(this, EMPTY, true);
    return Status.Stop;
  }
}

/** An answer that is no gRPC is told as a status and a message. */
function tellForeign(headers: ResponseHeaders, body: Buffer): void {
  if (body.length > 0) headers.set('grpc-message', percentEncodeGrpcMessage(body.toString('latin1')));
  headers.set('grpc-status', String(httpToGrpcStatus(headers.status)));
  headers.remove('content-length');
  headers.add('content-length', '0');
}

/** Text of whole groups, each padded perhaps; null if it is none. */
function decodeBase64(text: string): Buffer | null {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return null;
  return Buffer.from(text, 'base64');
}

export function createGrpcWeb(_settings: GrpcWebSettings, _deps: FilterDeps): HttpFilterFactory {
  const book = new GrpcCallStatsBook('grpc-web');
  return { newFilter: (): HttpFilter => new GrpcWebFilter(book) };
}
