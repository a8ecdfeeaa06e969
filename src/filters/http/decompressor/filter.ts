/** Decompresses bodies, and tells upstream that it can. Behaviour: Envoy's DecompressorFilter. */
import { HeaderMap, type RequestHeaders, type ResponseHeaders } from '../../../http/header-map.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { type CodingSink, ContentCoder } from '../../content-coding.ts';
import type { DecompressorDirection, DecompressorSettings } from './settings.ts';

class Direction {
  readonly #settings: DecompressorDirection;
  readonly #runtime: RuntimeSnapshot;
  readonly isRequest: boolean;
  readonly decompressed: Counter;
  readonly notDecompressed: Counter;
  readonly totalUncompressedBytes: Counter;
  readonly totalCompressedBytes: Counter;

  constructor(settings: DecompressorDirection, isRequest: boolean, scope: StatsScope, runtime: RuntimeSnapshot) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.isRequest = isRequest;
    const own = scope.scope(isRequest ? 'request' : 'response');
    this.decompressed = own.counter('decompressed');
    this.notDecompressed = own.counter('not_decompressed');
    this.totalUncompressedBytes = own.counter('total_uncompressed_bytes');
    this.totalCompressedBytes = own.counter('total_compressed_bytes');
  }

  get enabled(): boolean {
    const { enabled, runtimeKey } = this.#settings;
    return runtimeKey === '' ? enabled : this.#runtime.boolean(runtimeKey, enabled);
  }

  takes(headers: HeaderMap, encoding: string): boolean {
    if (!this.enabled) return false;
    if (!this.#settings.ignoreNoTransform && forbidsTransform(headers)) return false;
    const codings = headers.get('content-encoding');
    return codings !== undefined && firstOf(codings).toLowerCase() === encoding;
  }
}

function forbidsTransform(headers: HeaderMap): boolean {
  const value = headers.joined('cache-control');
  return value?.split(',').some((part) => part.trim().toLowerCase() === 'no-transform') ?? false;
}

function firstOf(list: string): string {
  const comma = list.indexOf(',');
  return (comma < 0 ? list : list.slice(0, comma)).trim();
}

/** Errors of the library, as its own statistics name them. */
class LibraryErrors {
  readonly #scope: StatsScope;
  readonly #kind: string;

  constructor(scope: StatsScope, kind: string) {
    this.#scope = scope.scope('decompressor_library');
    this.#kind = kind;
  }

  count(error: string): void {
    this.#scope.counter(this.#kind === 'gzip' ? zlibName(error) : `${this.#kind}_error`).inc();
  }
}

function zlibName(error: string): string {
  return error.startsWith('Z_') ? `zlib_${error.slice(2).toLowerCase()}` : 'zlib_errno';
}

class DecompressorConfig {
  readonly settings: DecompressorSettings;
  readonly request: Direction;
  readonly response: Direction;
  readonly errors: LibraryErrors;
  /** Trailers that tell how much a body was, and has become. */
  readonly compressedBytes: string;
  readonly uncompressedBytes: string;

  constructor(settings: DecompressorSettings, deps: FilterDeps) {
    this.settings = settings;
    const scope = deps.scope.scope('decompressor').scope(settings.libraryName).scope(settings.kind);
    this.request = new Direction(settings.request, true, scope, deps.runtime);
    this.response = new Direction(settings.response, false, scope, deps.runtime);
    this.errors = new LibraryErrors(scope, settings.kind);
    const prefix = `x-envoy-decompressor-${settings.libraryName}-`.toLowerCase();
    this.compressedBytes = `${prefix}compressed-bytes`;
    this.uncompressedBytes = `${prefix}uncompressed-bytes`;
  }
}

/** One body on its way. */
class Body implements CodingSink {
  readonly #filter: HttpFilter;
  readonly #stream: HttpStream;
  readonly #config: DecompressorConfig;
  readonly #direction: Direction;
  readonly coder: ContentCoder;
  #bytesIn: number;
  #bytesOut: number;
  #inputEnded: boolean;
  #outputEnded: boolean;
  /** Those that came; null = the filter adds some. */
  #trailers: HeaderMap | null;

  constructor(filter: HttpFilter, stream: HttpStream, config: DecompressorConfig, direction: Direction) {
    this.#filter = filter;
    this.#stream = stream;
    this.#config = config;
    this.#direction = direction;
    this.coder = new ContentCoder(config.settings.coding, true, this, stream.bufferLimit);
    this.#bytesIn = 0;
    this.#bytesOut = 0;
    this.#inputEnded = false;
    this.#outputEnded = false;
    this.#trailers = null;
  }

  write(chunk: Buffer, end: boolean): void {
    this.#bytesIn += chunk.length;
    this.#direction.totalCompressedBytes.add(chunk.length);
    this.#inputEnded = end;
    if (!this.#outputEnded) this.coder.write(chunk, end);
    else if (end) this.#finish();
  }

  endWithTrailers(trailers: HeaderMap): void {
    this.#inputEnded = true;
    this.#trailers = trailers;
    if (!this.#outputEnded) this.coder.end();
    else this.#finish();
  }

  onCoded(chunk: Buffer): void {
    this.#bytesOut += chunk.length;
    this.#direction.totalUncompressedBytes.add(chunk.length);
    this.#inject(chunk, null);
    const { maxInflateRatio } = this.#config.settings;
    if (maxInflateRatio > 0 && this.#bytesOut > this.#bytesIn * maxInflateRatio) {
      this.coder.stop();
      this.onCodingEnd('Z_DATA_ERROR');
    }
  }

  onCodingEnd(error: string): void {
    if (error !== '') this.#config.errors.count(error);
    this.#outputEnded = true;
    if (this.#inputEnded) this.#finish();
  }

  hold(hold: boolean): void {
    if (this.#direction.isRequest) this.#stream.holdRequest(hold);
    else this.#stream.holdResponse(hold);
  }

  #finish(): void {
    const trailers = this.#trailers ?? new HeaderMap();
    trailers.set(this.#config.compressedBytes, String(this.#bytesIn));
    trailers.set(this.#config.uncompressedBytes, String(this.#bytesOut));
    if (this.#trailers === null) this.#inject(EMPTY, trailers);
    else if (this.#direction.isRequest) this.#stream.continueRequest(this.#filter);
    else this.#stream.continueResponse(this.#filter);
  }

  #inject(chunk: Buffer, trailers: HeaderMap | null): void {
    if (this.#direction.isRequest) this.#stream.injectRequestData(this.#filter, chunk, false, trailers);
    else {
      if (trailers !== null) this.#stream.info.responseTrailers = trailers;
      this.#stream.injectResponseData(this.#filter, chunk, false, trailers);
    }
  }
}

const EMPTY = Buffer.alloc(0);

class DecompressorFilter extends PassThroughFilter {
  readonly #config: DecompressorConfig;
  #request: Body | null;
  #response: Body | null;

  constructor(config: DecompressorConfig) {
    super();
    this.#config = config;
    this.#request = null;
    this.#response = null;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, end: boolean): Status {
    const { settings, request, response } = this.#config;
    if (settings.advertise && response.enabled) headers.append('accept-encoding', settings.coding.encoding);
    this.#request = this.#begin(stream, headers, end, request);
    return Status.Continue;
  }

  override onRequestData(_stream: HttpStream, chunk: Buffer, end: boolean): Status {
    return write(this.#request, chunk, end);
  }

  override onRequestTrailers(_stream: HttpStream, trailers: HeaderMap): Status {
    return endWithTrailers(this.#request, trailers);
  }

  override onResponseHeaders(stream: HttpStream, headers: ResponseHeaders, end: boolean): Status {
    this.#response = this.#begin(stream, headers, end, this.#config.response);
    return Status.Continue;
  }

  override onResponseData(_stream: HttpStream, chunk: Buffer, end: boolean): Status {
    return write(this.#response, chunk, end);
  }

  override onResponseTrailers(_stream: HttpStream, trailers: HeaderMap): Status {
    return endWithTrailers(this.#response, trailers);
  }

  override onStreamEnd(_stream: HttpStream): void {
    this.#request?.coder.stop();
    this.#response?.coder.stop();
  }

  #begin(stream: HttpStream, headers: HeaderMap, end: boolean, direction: Direction): Body | null {
    if (end) return null;
    if (!direction.takes(headers, this.#config.settings.coding.encoding)) {
      direction.notDecompressed.inc();
      return null;
    }
    direction.decompressed.inc();
    headers.remove('content-length');
    const codings = headers.get('content-encoding')!;
    const comma = codings.indexOf(',');
    if (comma < 0) headers.remove('content-encoding');
    else headers.set('content-encoding', codings.slice(comma + 1).trim());
    return new Body(this, stream, this.#config, direction);
  }
}

function write(body: Body | null, chunk: Buffer, end: boolean): Status {
  if (body === null) return Status.Continue;
  body.write(chunk, end);
  return Status.Stop;
}

function endWithTrailers(body: Body | null, trailers: HeaderMap): Status {
  if (body === null) return Status.Continue;
  body.endWithTrailers(trailers);
  return Status.Stop;
}

export function createDecompressor(settings: DecompressorSettings, deps: FilterDeps): HttpFilterFactory {
  const config = new DecompressorConfig(settings, deps);
  return { newFilter: () => new DecompressorFilter(config) };
}
