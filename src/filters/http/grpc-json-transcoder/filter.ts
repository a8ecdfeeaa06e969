/** Lets clients that speak JSON over HTTP call gRPC services. Behaviour: Envoy's JsonTranscoderFilter. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { GrpcFrameDecoder, grpcFrame, grpcToHttpStatus } from '../../../http/grpc-frames.ts';
import { grpcStatusHeader, isGrpcRequest } from '../../../http/grpc-status.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { keepChunk } from '../../../net/connection.ts';
import type { Route as HttpRoute } from '../../../route/route.ts';
import type { Gauge, StatsScope } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { ArraySplitter, type Binding, bind, decodeHttpBody, encodeMessage, fixEnums, parseJson, printMessage } from './codec.ts';
import { MethodTable, type Route } from './routing.ts';
import type { TranscoderSettings } from './settings.ts';
import { statusAsJson } from './status.ts';

const STATUS_HEADERS = ['grpc-status', 'grpc-message', 'grpc-status-details-bin'];
const EMPTY = Buffer.alloc(0);
const JSON_TYPE = 'application/json';
const FAILURE = 'grpc_json_transcode_failure';
const REQUEST_TOO_LARGE = "Request rejected because the transcoder's internal buffer size exceeds the configured limit.";
const RESPONSE_TOO_LARGE = "Response not transcoded because the transcoder's internal buffer size exceeds the configured limit.";

/** `http.<stat_prefix>.transcoder_…` */
class TranscoderStats {
  readonly requestBufferBytes: Gauge;
  readonly responseBufferBytes: Gauge;

  constructor(scope: StatsScope) {
    this.requestBufferBytes = scope.gauge('transcoder_request_buffer_bytes');
    this.responseBufferBytes = scope.gauge('transcoder_response_buffer_bytes');
  }
}

class TranscoderFilter extends PassThroughFilter {
  readonly #settings: TranscoderSettings;
  readonly #table: MethodTable;
  readonly #stats: TranscoderStats;
  /** null = the request is not transcoded, or not any more. */
  #route: Route | null;
  #bindings: readonly Binding[];
  #requestType: string;
  #requestBody: Buffer[];
  #requestBytes: number;
  #splitter: ArraySplitter | null;
  #decoder: TextDecoder | null;
  #frames: GrpcFrameDecoder | null;
  #responseHeaders: ResponseHeaders | null;
  /** Of a response that waits for its status. */
  #responseBytes: number;
  /** They wait in memory: the method answers once. */
  #keepsResponse: boolean;
  #anyMessage: boolean;
  #contentTypeSet: boolean;

  constructor(settings: TranscoderSettings, table: MethodTable, stats: TranscoderStats) {
    super();
    this.#settings = settings;
    this.#table = table;
    this.#stats = stats;
    this.#route = null;
    this.#bindings = [];
    this.#requestType = '';
    this.#requestBody = [];
    this.#requestBytes = 0;
    this.#splitter = null;
    this.#decoder = null;
    this.#frames = null;
    this.#responseHeaders = null;
    this.#responseBytes = 0;
    this.#keepsResponse = false;
    this.#anyMessage = false;
    this.#contentTypeSet = false;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, end: boolean): Status {
    if (isGrpcRequest(headers)) return Status.Continue;
    const found = this.#table.find(headers);
    if ('failure' in found) {
      const { rejectUnknownMethod, rejectUnknownParameters } = this.#settings;
      const isUnknown = found.failure === 'NOT_FOUND';
      if (!(isUnknown ? rejectUnknownMethod : rejectUnknownParameters)) return Status.Continue;
      stream.localReply(isUnknown ? 404 : 400, found.message, 0, `early_${FAILURE}{${found.failure}}`);
      return Status.Stop;
    }
    const { route } = found;
    this.#route = route;
    this.#bindings = found.bindings;
    this.#requestType = headers.get('content-type') ?? '';
    stream.info.translatesGrpc = true;
    headers.remove('content-length');
    headers.set('content-type', 'application/grpc');
    headers.set('x-envoy-original-path', headers.path);
    headers.add('x-envoy-original-method', headers.method);
    headers.path = route.method.path;
    headers.method = 'POST';
    headers.set('te', 'trailers');
    if (!this.#settings.matchIncomingRoute) stream.clearRouteCache();
    if (route.method.clientStreaming && route.rule.body === '*') this.#splitter = new ArraySplitter();
    if (end) this.#finishRequest(stream, 'early_');
    return stream.ended || stream.responseStarted ? Status.Stop : Status.Continue;
  }

  override onRequestData(stream: HttpStream, chunk: Buffer, end: boolean): Status {
    if (this.#route === null) return Status.Continue;
    if (this.#splitter !== null) {
      this.#streamRequest(stream, this.#splitter, chunk, end);
      return Status.Stop;
    }
    this.#requestBytes += chunk.length;
    this.#stats.requestBufferBytes.add(chunk.length);
    if (this.#requestBytes > (this.#settings.maxRequestBody || stream.bufferLimit)) {
      this.#reject(stream, 413, REQUEST_TOO_LARGE, `${FAILURE}{request_buffer_size_limit_reached}`);
      return Status.Stop;
    }
    if (chunk.length > 0) this.#requestBody.push(keepChunk(chunk));
    if (end) this.#finishRequest(stream, '');
    return Status.Stop;
  }

  override onRequestTrailers(stream: HttpStream, _trailers: HeaderMap): Status {
    if (this.#route === null) return Status.Continue;
    if (this.#splitter !== null) this.#streamRequest(stream, this.#splitter, EMPTY, false);
    else {
      const message = this.#wholeRequest(stream, '');
      if (message !== null) stream.injectRequestData(this, message, false);
    }
    return Status.Continue;
  }

  override onResponseHeaders(stream: HttpStream, headers: ResponseHeaders, end: boolean): Status {
    const route = this.#route;
    if (route === null) return Status.Continue;
    this.#responseHeaders = headers;
    const streams = route.method.serverStreaming;
    if (end) {
      if (streams && !route.httpBodyResponse) headers.set('content-type', JSON_TYPE);
      this.#conclude(stream, headers, true);
      return Status.Continue;
    }
    this.#frames = new GrpcFrameDecoder(this.#settings.maxResponseBody || stream.bufferLimit);
    const { newlineDelimited, sse } = this.#settings.print;
    headers.set('content-type', streams && sse && !newlineDelimited ? 'text/event-stream' : JSON_TYPE);
    headers.remove('content-length');
    return streams && !route.httpBodyResponse ? Status.Continue : Status.Stop;
  }

  override onResponseData(stream: HttpStream, chunk: Buffer, end: boolean): Status {
    const route = this.#route;
    if (route === null || this.#frames === null) return Status.Continue;
    const frames = this.#frames.decode(chunk);
    const out: Buffer[] = [];
    try {
      if (frames === null) throw new Error('the frame is malformed');
      for (const { flags, message } of frames) {
        if (flags !== 0) throw new Error('compressed messages are not transcoded');
        out.push(this.#print(route, message));
        this.#anyMessage = true;
      }
    } catch (error) {
      this.#route = null;
      stream.localReply(502, (error as Error).message.replace('premature EOF', 'unexpected EOF'), 0, `${FAILURE}{INVALID_ARGUMENT}`);
      return Status.Stop;
    }
    const streams = route.method.serverStreaming;
    if (end && streams && !route.httpBodyResponse) out.push(this.#closing());
    const body = out.length === 1 ? out[0]! : Buffer.concat(out);
    this.#responseBytes += body.length;
    if (!streams) {
      this.#keepsResponse = true;
      this.#stats.responseBufferBytes.add(body.length);
    }
    if (!streams && this.#responseBytes > Math.max(this.#settings.maxResponseBody, stream.bufferLimit)) {
      this.#route = null;
      stream.localReply(500, RESPONSE_TOO_LARGE, 0, `${FAILURE}{response_buffer_size_limit_reached}`);
      return Status.Stop;
    }
    if (body.length > 0 || end) stream.injectResponseData(this, body, end);
    // Without trailers nothing says how it went: what there is goes on.
    if (end || (this.#contentTypeSet && streams)) stream.continueResponse(this);
    return Status.Stop;
  }

  override onResponseTrailers(stream: HttpStream, trailers: HeaderMap): Status {
    if (this.#route !== null && this.#responseHeaders !== null) this.#conclude(stream, trailers, false);
    return Status.Continue;
  }

  override onStreamEnd(_stream: HttpStream): void {
    this.#stats.requestBufferBytes.sub(this.#requestBytes);
    if (this.#keepsResponse) this.#stats.responseBufferBytes.sub(this.#responseBytes);
  }

  #print(route: Route, message: Buffer): Buffer {
    const { types } = this.#table;
    if (route.httpBodyResponse) {
      const body = decodeHttpBody(types, route.output, route.responseField, message);
      if (!this.#contentTypeSet) {
        this.#contentTypeSet = true;
        this.#responseHeaders!.set('content-type', body.contentType);
      }
      if (!route.method.serverStreaming) this.#responseHeaders!.set('content-length', String(this.#responseBytes + body.data.length));
      return body.data;
    }
    const { print } = this.#settings;
    const text = printMessage(types, route.output, message, print);
    if (!route.method.serverStreaming) return Buffer.from(text);
    if (print.newlineDelimited) return Buffer.from(`${text}\n`);
    if (print.sse) return Buffer.from(`data: ${text}\n\n`);
    return Buffer.from((this.#anyMessage ? ',' : '[') + text);
  }

  /** Ends the array of a stream. */
  #closing(): Buffer {
    const { newlineDelimited, sse } = this.#settings.print;
    return newlineDelimited || sse ? EMPTY : Buffer.from(this.#anyMessage ? ']' : '[]');
  }

  /** The status is there. @param last headers or trailers @param headersOnly they are one */
  #conclude(stream: HttpStream, last: HeaderMap, headersOnly: boolean): void {
    const route = this.#route!;
    const headers = this.#responseHeaders!;
    const status = grpcStatusHeader(last) ?? -1;
    const streams = route.method.serverStreaming;
    if (this.#settings.convertStatus && status > 0 && !this.#anyMessage) {
      const text = statusAsJson(this.#table.types, status, last, this.#settings.print);
      if (text !== null) {
        headers.status = grpcToHttpStatus(status);
        headers.set('content-type', JSON_TYPE);
        const body = Buffer.from(text);
        if (!streams || headersOnly) headers.set('content-length', String(body.length));
        if (headersOnly) for (const name of STATUS_HEADERS) last.remove(name);
        stream.injectResponseData(this, body, headersOnly);
        return;
      }
    }
    if (streams && !route.httpBodyResponse) {
      const closing = this.#closing();
      if (closing.length > 0) stream.injectResponseData(this, closing, headersOnly);
    }
    if (streams && !headersOnly) return;
    headers.status = status < 0 ? 503 : grpcToHttpStatus(status);
    if (!headersOnly) {
      if (status >= 0) headers.set('grpc-status', String(status));
      const message = last.get('grpc-message');
      if (message !== undefined) headers.set('grpc-message', message);
    }
    if (!streams) headers.set('content-length', String(this.#responseBytes));
    if (stream.info.protocol.startsWith('HTTP/1')) headers.remove('trailer');
  }

  #streamRequest(stream: HttpStream, splitter: ArraySplitter, chunk: Buffer, end: boolean): void {
    this.#decoder ??= new TextDecoder();
    const texts = splitter.feed(this.#decoder.decode(chunk, { stream: !end }));
    if (texts === null || (end && !splitter.complete)) {
      this.#reject(stream, 400, 'Expected an array.', `${FAILURE}{INVALID_ARGUMENT}`);
      return;
    }
    if (splitter.pending > (this.#settings.maxRequestBody || stream.bufferLimit)) {
      this.#reject(stream, 413, REQUEST_TOO_LARGE, `${FAILURE}{request_buffer_size_limit_reached}`);
      return;
    }
    const frames: Buffer[] = [];
    for (const text of texts) {
      const frame = this.#encode(stream, text, '');
      if (frame === null) return;
      frames.push(frame);
    }
    if (frames.length > 0 || end) stream.injectRequestData(this, Buffer.concat(frames), end);
  }

  #finishRequest(stream: HttpStream, early: string): void {
    if (early !== '' && this.#splitter !== null) return;
    const message = this.#wholeRequest(stream, early);
    if (message !== null) stream.injectRequestData(this, message, true);
  }

  #wholeRequest(stream: HttpStream, early: string): Buffer | null {
    const body = Buffer.concat(this.#requestBody);
    this.#requestBody = [];
    const route = this.#route!;
    if (!route.httpBodyRequest) return this.#encode(stream, body.toString('utf8'), early);
    return this.#build(stream, { contentType: this.#requestType, data: body.toString('base64') }, early);
  }

  #encode(stream: HttpStream, text: string, early: string): Buffer | null {
    let json: JsonValue = {};
    if (this.#route!.rule.body !== '' && text.trim() !== '') {
      try {
        json = parseJson(text);
      } catch (error) {
        return this.#reject(stream, 400, (error as Error).message, `${early}${FAILURE}{INVALID_ARGUMENT}`);
      }
    }
    return this.#build(stream, json, early);
  }

  #build(stream: HttpStream, body: JsonValue, early: string): Buffer | null {
    const route = this.#route!;
    const details = `${early}${FAILURE}{INVALID_ARGUMENT}`;
    try {
      const json = (route.bodyField === null ? body : { [route.bodyField.jsonName]: body }) as JsonObject;
      if (json === null || typeof json !== 'object' || Array.isArray(json)) throw new Error('Expected an object.');
      if (this.#settings.caseInsensitiveEnums) fixEnums(route.input, json);
      const bound: JsonObject = {};
      const collision = bind(bound, json, this.#bindings);
      if (collision !== '' && this.#settings.rejectCollisions) throw new Error(collision);
      return grpcFrame(encodeMessage(this.#table.types, route.input, json, bound));
    } catch (error) {
      return this.#reject(stream, 400, (error as Error).message, details);
    }
  }

  #reject(stream: HttpStream, status: number, message: string, details: string): null {
    this.#route = null;
    stream.localReply(status, Buffer.from(message).toString('latin1'), 0, details);
    return null;
  }
}

class TranscoderFactory implements HttpFilterFactory {
  readonly #settings: TranscoderSettings;
  readonly #tables = new WeakMap<TranscoderSettings, MethodTable>();
  readonly #stats: TranscoderStats;
  readonly #nothing = new PassThroughFilter();

  constructor(settings: TranscoderSettings, scope: StatsScope) {
    this.#settings = settings;
    this.#stats = new TranscoderStats(scope);
  }

  newFilter(route: HttpRoute | null, name: string): HttpFilter {
    const settings = (route?.filterSettings(name) as TranscoderSettings | undefined) ?? this.#settings;
    if (settings.methods.length === 0 && !settings.rejectUnknownMethod) return this.#nothing;
    let table = this.#tables.get(settings);
    if (table === undefined) {
      table = new MethodTable(settings);
      this.#tables.set(settings, table);
    }
    return new TranscoderFilter(settings, table, this.#stats);
  }
}

export function createTranscoder(settings: TranscoderSettings, deps: FilterDeps): HttpFilterFactory {
  return new TranscoderFactory(settings, deps.scope);
}
