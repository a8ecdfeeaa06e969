/**
 * Runs the HTTP filters of one stream: the request side in configured order, the response side in reverse. A filter may stop a
 * side and continue it later; what arrives meanwhile is kept here, bounded by the stream's buffer limit.
 */
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../http/header-map.ts';
import { keepChunk } from '../net/connection.ts';
import { type HttpFilter, type HttpStream, PassThroughFilter, Status } from './api.ts';

/** What a side does with pieces that every filter has let pass, and with the bounds. */
export interface RequestSink {
  /** More is buffered than the limit allows: 413. */
  onRequestTooLarge(): void;
  /** Holds the peer back while a filter that watermarks keeps the stream. */
  holdRequest(hold: boolean): void;
}

export interface ResponseSink {
  encodeHeaders(headers: ResponseHeaders, end: boolean): void;
  encodeData(chunk: Buffer, end: boolean): void;
  encodeTrailers(trailers: HeaderMap): void;
  onResponseTooLarge(): void;
  holdResponse(hold: boolean): void;
}

const NOWHERE = -1;

/** State of one direction. Subclasses say which callbacks it calls and where it ends. */
abstract class Side<H extends HeaderMap> {
  protected readonly stream: HttpStream;
  /** In the order of this side. */
  protected readonly filters: readonly HttpFilter[];
  #headers: H | null;
  #headersEnd: boolean;
  /** Index of the filter that is being shown the headers, and of one that has added body meanwhile. */
  #headersAt: number;
  #addedAt: number;
  /** Index of the filter that stopped the headers, and how. */
  #stoppedAt: number;
  #stoppedHow: Status;
  /** Index of the filter that buffers data while headers have passed. */
  #dataStoppedAt: number;
  #buffer: Buffer[] | null;
  #bufferedBytes: number;
  #bufferedEnd: boolean;
  #trailers: HeaderMap | null;
  #holding: boolean;
  /** The kept body is on its way through the filters. */
  #releasing: boolean;
  /** The filter that keeps the body does not need all of it: too much holds the peer back, and is no error. */
  #streams: boolean;

  constructor(stream: HttpStream, filters: readonly HttpFilter[]) {
    this.stream = stream;
    this.filters = filters;
    this.#headers = null;
    this.#headersEnd = false;
    this.#headersAt = NOWHERE;
    this.#addedAt = NOWHERE;
    this.#stoppedAt = NOWHERE;
    this.#stoppedHow = Status.Continue;
    this.#dataStoppedAt = NOWHERE;
    this.#buffer = null;
    this.#bufferedBytes = 0;
    this.#bufferedEnd = false;
    this.#trailers = null;
    this.#holding = false;
    this.#releasing = false;
    this.#streams = false;
  }

  protected abstract callHeaders(filter: HttpFilter, headers: H, end: boolean): Status;
  protected abstract callData(filter: HttpFilter, chunk: Buffer, end: boolean): Status;
  protected abstract callTrailers(filter: HttpFilter, trailers: HeaderMap): Status;
  protected abstract sinkHeaders(headers: H, end: boolean): void;
  protected abstract sinkData(chunk: Buffer, end: boolean): void;
  protected abstract sinkTrailers(trailers: HeaderMap): void;
  protected abstract tooLarge(): void;
  protected abstract hold(hold: boolean): void;
  /** The side was given up (local reply, reset): nothing is called any more. */
  protected abstract get over(): boolean;

  headers(headers: H, end: boolean): void {
    this.#headers = headers;
    this.#headersEnd = end;
    this.#runHeaders(0);
  }

  data(chunk: Buffer, end: boolean): void {
    if (this.#stoppedAt !== NOWHERE && this.#stoppedHow === Status.StopAllAndWatermark) {
      this.#keep(chunk, end);
      if (this.#bufferedBytes > this.stream.bufferLimit && !this.#holding) {
        this.#holding = true;
        this.hold(true);
      }
      return;
    }
    this.#runData(0, chunk, end);
  }

  trailers(trailers: HeaderMap): void {
    this.#trailers = trailers;
    if (this.#stoppedAt !== NOWHERE && this.#stoppedHow === Status.StopAllAndWatermark) return;
    this.#runTrailers(0);
  }

  continue(filter: HttpFilter): void {
    if (this.over) return;
    const at = this.filters.indexOf(filter);
    if (at === this.#stoppedAt) {
      const missedData = this.#stoppedHow === Status.StopAllAndWatermark;
      this.#stoppedAt = NOWHERE;
      this.#runHeaders(at + 1);
      this.#release(missedData ? at : at + 1);
    } else if (at === this.#dataStoppedAt) {
      this.#release(at + 1);
    }
  }

  /** Body that `filter` has kept itself, or made, and trailers that it adds, go on to the filters after it. Trailers that came wait for `continue`. */
  inject(filter: HttpFilter, chunk: Buffer, end: boolean, trailers: HeaderMap | null): void {
    if (this.over) return;
    const at = this.filters.indexOf(filter);
    if (at === this.#stoppedAt || at === this.#headersAt) {
      // Body does not overtake headers: it follows when the filter lets them go.
      this.#keep(chunk, end);
      if (at === this.#headersAt) this.#addedAt = at;
      this.#headersEnd = false;
      if (trailers !== null) this.#trailers = trailers;
      return;
    }
    const next = at + 1;
    if (chunk.length > 0 || end) this.#runData(next, chunk, end);
    if (trailers === null || this.over) return;
    this.#trailers = trailers;
    this.#runTrailers(next);
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  #runHeaders(from: number): void {
    const headers = this.#headers!;
    for (let i = from; i < this.filters.length; i++) {
      this.#headersAt = i;
      const status = this.callHeaders(this.filters[i]!, headers, this.#headersEnd);
      this.#headersAt = NOWHERE;
      if (this.over) return;
      if (status !== Status.Continue) {
        this.#stoppedAt = i;
        this.#stoppedHow = status;
        return;
      }
      if (this.#addedAt === i) {
        // The filter has given the message a body, whatever the headers were when they came.
        this.#addedAt = NOWHERE;
        this.#runHeaders(i + 1);
        this.#release(i + 1);
        return;
      }
    }
    this.sinkHeaders(headers, this.#headersEnd);
  }

  #runData(from: number, chunk: Buffer, end: boolean): void {
    for (let i = from; i < this.filters.length; i++) {
      const status = this.callData(this.filters[i]!, chunk, end);
      if (this.over) return;
      if (status === Status.Continue) {
        if (i === this.#stoppedAt) {
          // The filter stopped at the headers and lets the body through now: headers go first, then all of the body so far.
          this.#keep(chunk, end);
          if (this.#exceeds()) return;
          this.#stoppedAt = NOWHERE;
          this.#runHeaders(i + 1);
          this.#release(i + 1);
          return;
        }
        if (i === this.#dataStoppedAt) {
          this.#keep(chunk, end);
          if (this.#exceeds()) return;
          this.#release(i + 1);
          return;
        }
        continue;
      }
      if (status === Status.Stop) return;
      this.#keep(chunk, end);
      if (i !== this.#stoppedAt) this.#dataStoppedAt = i;
      this.#streams = status === Status.StopAllAndWatermark;
      if (this.#bufferedBytes > this.stream.bufferLimit) {
        if (status === Status.StopAndBuffer) this.tooLarge();
        else if (!this.#holding) {
          this.#holding = true;
          this.hold(true);
        }
      }
      return;
    }
    this.sinkData(chunk, end);
  }

  #runTrailers(from: number): void {
    const trailers = this.#trailers!;
    for (let i = from; i < this.filters.length; i++) {
      if (i === this.#stoppedAt && this.#stoppedHow === Status.StopAllAndWatermark) return;
      const status = this.callTrailers(this.filters[i]!, trailers);
      if (this.over) return;
      if (status !== Status.Continue) {
        if (i !== this.#stoppedAt) this.#dataStoppedAt = i;
        return;
      }
      if (i === this.#stoppedAt || i === this.#dataStoppedAt) {
        if (i === this.#stoppedAt) {
          this.#stoppedAt = NOWHERE;
          this.#runHeaders(i + 1);
        }
        this.#release(i + 1);
        return;
      }
    }
    this.sinkTrailers(trailers);
  }

  /** The last piece made the body larger than a filter that needs all of it may keep. */
  #exceeds(): boolean {
    if (this.#streams || this.#bufferedBytes <= this.stream.bufferLimit) return false;
    this.tooLarge();
    return true;
  }

  #keep(chunk: Buffer, end: boolean): void {
    if (chunk.length > 0) {
      this.#buffer ??= [];
      this.#buffer.push(keepChunk(chunk));
      this.#bufferedBytes += chunk.length;
    }
    if (end) this.#bufferedEnd = true;
  }

  /** Passes on what was kept, from filter `from` on. */
  #release(from: number): void {
    if (this.over) return;
    const stoppedAt = this.#stoppedAt;
    // A filter that has stopped the headers only is shown the body.
    if (stoppedAt !== NOWHERE && (stoppedAt < from || this.#stoppedHow === Status.StopAllAndWatermark)) return;
    this.#dataStoppedAt = NOWHERE;
    if (this.#holding) {
      this.#holding = false;
      this.hold(false);
    }
    const buffer = this.#buffer;
    const end = this.#bufferedEnd;
    this.#buffer = null;
    this.#bufferedBytes = 0;
    this.#bufferedEnd = false;
    const nested = this.#releasing;
    this.#releasing = true;
    if (buffer !== null) this.#runData(from, buffer.length === 1 ? buffer[0]! : Buffer.concat(buffer), end);
    else if (end) this.#runData(from, EMPTY, true);
    this.#releasing = nested;
    // A filter that goes on while it is shown the body leaves the trailers to whoever shows it.
    if (this.over || nested) return;
    if (this.#trailers !== null) this.#runTrailers(from);
  }
}

const EMPTY = Buffer.alloc(0);

export class RequestSide extends Side<RequestHeaders> {
  readonly #sink: RequestSink;
  /** The terminal filter has the request, or it was answered before. */
  answered: boolean;

  constructor(stream: HttpStream, filters: readonly HttpFilter[], sink: RequestSink) {
    super(stream, filters);
    this.#sink = sink;
    this.answered = false;
  }

  protected override get over(): boolean {
    return this.answered || this.stream.ended;
  }
  protected override callHeaders(filter: HttpFilter, headers: RequestHeaders, end: boolean): Status {
    return filter.onRequestHeaders(this.stream, headers, end);
  }
  protected override callData(filter: HttpFilter, chunk: Buffer, end: boolean): Status {
    return filter.onRequestData(this.stream, chunk, end);
  }
  protected override callTrailers(filter: HttpFilter, trailers: HeaderMap): Status {
    return filter.onRequestTrailers(this.stream, trailers);
  }
  // The terminal filter is the last of the list and has consumed the piece.
  protected override sinkHeaders(): void {}
  protected override sinkData(): void {}
  protected override sinkTrailers(): void {}
  protected override tooLarge(): void {
    this.#sink.onRequestTooLarge();
  }
  protected override hold(hold: boolean): void {
    this.#sink.holdRequest(hold);
  }
}

export class ResponseSide extends Side<ResponseHeaders> {
  readonly #sink: ResponseSink;

  constructor(stream: HttpStream, filters: readonly HttpFilter[], sink: ResponseSink) {
    super(stream, filters);
    this.#sink = sink;
  }

  protected override get over(): boolean {
    return this.stream.ended;
  }
  protected override callHeaders(filter: HttpFilter, headers: ResponseHeaders, end: boolean): Status {
    return filter.onResponseHeaders(this.stream, headers, end);
  }
  protected override callData(filter: HttpFilter, chunk: Buffer, end: boolean): Status {
    return filter.onResponseData(this.stream, chunk, end);
  }
  protected override callTrailers(filter: HttpFilter, trailers: HeaderMap): Status {
    return filter.onResponseTrailers(this.stream, trailers);
  }
  protected override sinkHeaders(headers: ResponseHeaders, end: boolean): void {
    this.#sink.encodeHeaders(headers, end);
  }
  protected override sinkData(chunk: Buffer, end: boolean): void {
    this.#sink.encodeData(chunk, end);
  }
  protected override sinkTrailers(trailers: HeaderMap): void {
    this.#sink.encodeTrailers(trailers);
  }
  protected override tooLarge(): void {
    this.#sink.onResponseTooLarge();
  }
  protected override hold(hold: boolean): void {
    this.#sink.holdResponse(hold);
  }
}

/** True if the filter looks at responses at all; streams whose filters do not are not run through a response side. */
export function looksAtResponses(filter: HttpFilter): boolean {
  const base = PassThroughFilter.prototype;
  return (
    filter.onResponseHeaders !== base.onResponseHeaders ||
    filter.onResponseData !== base.onResponseData ||
    filter.onResponseTrailers !== base.onResponseTrailers
  );
}
