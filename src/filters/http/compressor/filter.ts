/** Compresses bodies for peers that accept it. Behaviour: Envoy's CompressorFilter. */
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { Route } from '../../../route/route.ts';
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { type CodingSink, ContentCoder } from '../../content-coding.ts';
import { addVary, adjustEtag, Direction, forbidsTransform, isTransferPlain } from './conditions.ts';
import { Accepts, chooseEncoding, type Decision } from './negotiation.ts';
import type { CompressionLibrary, CompressorRouteSettings, CompressorSettings } from './settings.ts';

class ResponseStats {
  readonly noAcceptHeader: Counter;
  readonly headerIdentity: Counter;
  readonly headerCompressorUsed: Counter;
  readonly headerCompressorOvershadowed: Counter;
  readonly headerWildcard: Counter;
  readonly headerNotValid: Counter;
  readonly notCompressedEtag: Counter;

  constructor(scope: StatsScope) {
    this.noAcceptHeader = scope.counter('no_accept_header');
    this.headerIdentity = scope.counter('header_identity');
    this.headerCompressorUsed = scope.counter('header_compressor_used');
    this.headerCompressorOvershadowed = scope.counter('header_compressor_overshadowed');
    this.headerWildcard = scope.counter('header_wildcard');
    this.headerNotValid = scope.counter('header_not_valid');
    this.notCompressedEtag = scope.counter('not_compressed_etag');
  }
}

class CompressorConfig {
  readonly settings: CompressorSettings;
  readonly request: Direction;
  readonly response: Direction;
  readonly stats: ResponseStats;

  constructor(settings: CompressorSettings, deps: FilterDeps) {
    this.settings = settings;
    const scope = deps.scope.scope('compressor').scope(settings.library.statPrefix);
    this.request = new Direction(settings.request, scope.scope('request'), deps.runtime);
    const { responseStatPrefix } = settings;
    this.response = new Direction(settings.response, responseStatPrefix === '' ? scope : scope.scope(responseStatPrefix), deps.runtime);
    this.stats = new ResponseStats(scope);
  }
}

/** The compressors of one stream, in the order of the chain, and what they have agreed on. */
class Negotiation {
  readonly filters: CompressorFilter[] = [];
  decision: Decision | null = null;
}

/** By request: one that is sent again after an internal redirect has its own. */
const negotiations = new WeakMap<StreamInfo, Negotiation>();

/** One body on its way. */
class Body implements CodingSink {
  readonly #filter: CompressorFilter;
  readonly #stream: HttpStream;
  readonly #direction: Direction;
  readonly #isRequest: boolean;
  readonly coder: ContentCoder;
  #trailersFollow: boolean;

  constructor(filter: CompressorFilter, stream: HttpStream, library: CompressionLibrary, direction: Direction, isRequest: boolean) {
    this.#filter = filter;
    this.#stream = stream;
    this.#direction = direction;
    this.#isRequest = isRequest;
    this.coder = new ContentCoder(library.coding, false, this, stream.bufferLimit);
    this.#trailersFollow = false;
  }

  write(chunk: Buffer, end: boolean): void {
    this.#direction.totalUncompressedBytes.add(chunk.length);
    this.coder.write(chunk, end);
  }

  endWithTrailers(): void {
    this.#trailersFollow = true;
    this.coder.end();
  }

  onCoded(chunk: Buffer): void {
    this.#direction.totalCompressedBytes.add(chunk.length);
    this.#inject(chunk, false);
  }

  onCodingEnd(_error: string): void {
    if (!this.#trailersFollow) this.#inject(EMPTY, true);
    else if (this.#isRequest) this.#stream.continueRequest(this.#filter);
    else this.#stream.continueResponse(this.#filter);
  }

  hold(hold: boolean): void {
    if (this.#isRequest) this.#stream.holdRequest(hold);
    else this.#stream.holdResponse(hold);
  }

  #inject(chunk: Buffer, end: boolean): void {
    if (this.#isRequest) this.#stream.injectRequestData(this.#filter, chunk, end);
    else this.#stream.injectResponseData(this.#filter, chunk, end);
  }
}

const EMPTY = Buffer.alloc(0);

class CompressorFilter extends PassThroughFilter {
  readonly #config: CompressorConfig;
  readonly #library: CompressionLibrary;
  readonly #removeAcceptEncoding: boolean;
  /** The route does not want its responses compressed. */
  readonly #disabled: boolean;
  /** null = the client has sent none. */
  #accepted: string | null;
  #negotiation: Negotiation | null;
  #request: Body | null;
  #response: Body | null;

  constructor(config: CompressorConfig, own: CompressorRouteSettings | null) {
    super();
    this.#config = config;
    this.#library = own?.library ?? config.settings.library;
    this.#removeAcceptEncoding = own?.removeAcceptEncoding ?? config.settings.removeAcceptEncoding;
    this.#disabled = own?.disabled ?? false;
    this.#accepted = null;
    this.#negotiation = null;
    this.#request = null;
    this.#response = null;
  }

  get encoding(): string {
    return this.#library.coding.encoding;
  }

  get direction(): Direction {
    return this.#config.response;
  }

  get #enabled(): boolean {
    return !this.#disabled && this.#config.response.enabled;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, end: boolean): Status {
    this.#accepted = headers.get('accept-encoding') ?? null;
    let negotiation = negotiations.get(stream.info);
    if (negotiation === undefined) {
      negotiation = new Negotiation();
      negotiations.set(stream.info, negotiation);
    }
    this.#negotiation = negotiation;
    negotiation.filters.push(this);

    if (this.#removeAcceptEncoding && this.#enabled) headers.remove('accept-encoding');

    const { request } = this.#config;
    const compresses =
      !end &&
      request.enabled &&
      request.isLongEnough(headers) &&
      request.takesType(headers) &&
      !headers.has('content-encoding') &&
      isTransferPlain(headers);
    if (!compresses) {
      request.notCompressed.inc();
      return Status.Continue;
    }
    headers.remove('content-length');
    headers.set('content-encoding', this.encoding);
    request.compressed.inc();
    this.#request = new Body(this, stream, this.#library, request, true);
    return Status.Continue;
  }

  override onRequestData(_stream: HttpStream, chunk: Buffer, end: boolean): Status {
    return write(this.#request, chunk, end);
  }

  override onRequestTrailers(_stream: HttpStream, _trailers: HeaderMap): Status {
    return endWithTrailers(this.#request);
  }

  override onResponseHeaders(stream: HttpStream, headers: ResponseHeaders, end: boolean): Status {
    const { response, settings } = this.#config;
    if (settings.statusHeader) return this.#withStatus(stream, headers, end);
    const longEnough = this.#enabled && response.isLongEnough(headers);
    const compressible = longEnough && this.#refusal(headers) === '';
    if (!end && longEnough && this.#isAccepted(headers) && compressible && isTransferPlain(headers)) this.#compress(stream, headers);
    else response.notCompressed.inc();
    if (compressible) addVary(headers);
    return Status.Continue;
  }

  override onResponseData(_stream: HttpStream, chunk: Buffer, end: boolean): Status {
    return write(this.#response, chunk, end);
  }

  override onResponseTrailers(_stream: HttpStream, _trailers: HeaderMap): Status {
    return endWithTrailers(this.#response);
  }

  override onStreamEnd(_stream: HttpStream): void {
    this.#request?.coder.stop();
    this.#response?.coder.stop();
  }

  #compress(stream: HttpStream, headers: ResponseHeaders): void {
    adjustEtag(headers, this.#config.settings.weakenEtag);
    headers.remove('content-length');
    headers.set('content-encoding', this.encoding);
    this.#config.response.compressed.inc();
    this.#response = new Body(this, stream, this.#library, this.#config.response, false);
  }

  /** What in the headers forbids it, in the words of the status header; '-' = what it has no word for; '' = nothing. */
  #refusal(headers: ResponseHeaders): string {
    const { response, settings, stats } = this.#config;
    if (headers.status === 101 || isUpgrade(headers)) return '-';
    if (!response.takesType(headers)) return 'ContentTypeNotAllowed';
    if (forbidsTransform(headers)) return '-';
    if (settings.disableOnEtag && headers.has('etag')) {
      stats.notCompressedEtag.inc();
      return 'EtagNotAllowed';
    }
    if (headers.has('content-encoding')) return '-';
    return settings.uncompressibleCodes.includes(headers.status) ? 'StatusCodeNotAllowed' : '';
  }

  /** As without the header, but the verdict is told, and what the client accepts is asked only of a body that could be compressed. */
  #withStatus(stream: HttpStream, headers: ResponseHeaders, end: boolean): Status {
    const { response } = this.#config;
    const length = headers.get('content-length') ?? '';
    let verdict = '';
    if (!this.#enabled) verdict = '-';
    else if (!response.isLongEnough(headers)) {
      // Envoy looks twice.
      response.isLongEnough(headers);
      verdict = 'ContentLengthTooSmall';
    } else verdict = this.#refusal(headers);
    if (verdict === '') addVary(headers);
    if (verdict === '' && (end || !this.#isAccepted(headers) || !isTransferPlain(headers))) verdict = '-';
    if (verdict === '') {
      this.#compress(stream, headers);
      verdict = `Compressed;OriginalLength=${length}`;
    } else response.notCompressed.inc();
    if (verdict !== '-') headers.append('x-envoy-compression-status', `${this.encoding};${verdict}`);
    return Status.Continue;
  }

  #isAccepted(headers: ResponseHeaders): boolean {
    const { stats } = this.#config;
    if (this.#accepted === null) {
      stats.noAcceptHeader.inc();
      return false;
    }
    const decision = this.#decide(headers, this.#accepted);
    const isMine = decision.encoding === this.encoding;
    switch (decision.because) {
      case Accepts.Compressor:
        if (isMine) stats.headerCompressorUsed.inc();
        else stats.headerCompressorOvershadowed.inc();
        break;
      case Accepts.Identity:
        stats.headerIdentity.inc();
        break;
      case Accepts.Wildcard:
        stats.headerWildcard.inc();
        break;
      case Accepts.Nothing:
        stats.headerNotValid.inc();
        break;
    }
    return isMine;
  }

  #decide(headers: ResponseHeaders, accepted: string): Decision {
    const negotiation = this.#negotiation!;
    if (negotiation.decision !== null) return negotiation.decision;
    const offered: string[] = [];
    for (const filter of negotiation.filters) {
      if (filter.direction.takesType(headers) && !offered.includes(filter.encoding)) offered.push(filter.encoding);
    }
    negotiation.decision = chooseEncoding(accepted, offered, this.#config.settings.chooseFirst);
    return negotiation.decision;
  }
}

function isUpgrade(headers: ResponseHeaders): boolean {
  return headers.has('upgrade') && (headers.get('connection') ?? '').toLowerCase().includes('upgrade');
}

function write(body: Body | null, chunk: Buffer, end: boolean): Status {
  if (body === null) return Status.Continue;
  body.write(chunk, end);
  return Status.Stop;
}

function endWithTrailers(body: Body | null): Status {
  if (body === null) return Status.Continue;
  body.endWithTrailers();
  return Status.Stop;
}

class CompressorFactory implements HttpFilterFactory {
  readonly #config: CompressorConfig;

  constructor(settings: CompressorSettings, deps: FilterDeps) {
    this.#config = new CompressorConfig(settings, deps);
  }

  newFilter(route: Route | null, name: string): HttpFilter {
    const own = route === null ? undefined : (route.filterSettings(name) as CompressorRouteSettings | undefined);
    return new CompressorFilter(this.#config, own ?? null);
  }
}

export function createCompressor(settings: CompressorSettings, deps: FilterDeps): HttpFilterFactory {
  return new CompressorFactory(settings, deps);
}
