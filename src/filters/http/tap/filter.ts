/** envoy.filters.http.tap: copies requests and responses that match, as they pass, to files or to whoever asks `/tap`. Source: Envoy's HttpPerRequestTapperImpl. */
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { Random } from '../../../runtime/random.ts';
import type { Counter } from '../../../stats/scope.ts';
import {
  type FilterDeps,
  type HttpFilter,
  type HttpFilterFactory,
  type HttpStream,
  PassThroughFilter,
  Status,
  type TapSlot,
} from '../../api.ts';
import { type BodySearch, type Passed, TapMatcher } from './match.ts';
import type { TapFilterSettings, TapSettings } from './settings.ts';
import { encodeBuffered, encodeSegment, type Piece, TracedBody } from './trace.ts';
import { TraceFiles } from './trace-files.ts';

/** A tap that is in force. */
class ActiveTap {
  readonly settings: TapSettings;
  readonly matcher: TapMatcher;
  readonly #files: TraceFiles;
  readonly #slot: TapSlot | null;

  constructor(settings: TapSettings, files: TraceFiles, slot: TapSlot | null) {
    this.settings = settings;
    this.matcher = new TapMatcher(settings.match);
    this.#files = files;
    this.#slot = slot;
  }

  emit(id: bigint, bytes: Buffer): void {
    const { sink, format } = this.settings;
    if (sink.kind === 'file') this.#files.write(sink.pathPrefix, id, format, bytes);
    else this.#slot?.emit(bytes);
  }
}

class TapFilter extends PassThroughFilter implements Passed {
  readonly #config: TapFactory;
  readonly #tap: ActiveTap;
  readonly #searches: BodySearch[];
  readonly #id: bigint;
  request_headers: RequestHeaders | null = null;
  request_trailers: HeaderMap | null = null;
  response_headers: ResponseHeaders | null = null;
  response_trailers: HeaderMap | null = null;
  #requestBody: TracedBody | null = null;
  #responseBody: TracedBody | null = null;
  /** Pieces go out as they pass. */
  #started = false;

  constructor(config: TapFactory, tap: ActiveTap, random: Random) {
    super();
    this.#config = config;
    this.#tap = tap;
    this.#searches = tap.matcher.newSearches();
    this.#id = (BigInt(random.nextU32()) << 32n) | BigInt(random.nextU32());
  }

  override onRequestHeaders(_stream: HttpStream, headers: RequestHeaders): Status {
    this.request_headers = headers;
    this.#passed('request_headers', headers);
    return Status.Continue;
  }

  override onRequestData(_stream: HttpStream, chunk: Buffer): Status {
    if (chunk.length > 0) this.#body('request', chunk);
    return Status.Continue;
  }

  override onRequestTrailers(_stream: HttpStream, trailers: HeaderMap): Status {
    this.request_trailers = trailers;
    this.#passed('request_trailers', trailers);
    return Status.Continue;
  }

  override onResponseHeaders(_stream: HttpStream, headers: ResponseHeaders): Status {
    this.response_headers = headers;
    this.#passed('response_headers', headers);
    return Status.Continue;
  }

  override onResponseData(_stream: HttpStream, chunk: Buffer): Status {
    if (chunk.length > 0) this.#body('response', chunk);
    return Status.Continue;
  }

  override onResponseTrailers(_stream: HttpStream, trailers: HeaderMap): Status {
    this.response_trailers = trailers;
    this.#passed('response_trailers', trailers);
    return Status.Continue;
  }

  override onStreamEnd(): void {
    const { settings } = this.#tap;
    if (settings.streaming) {
      if (this.#started) this.#config.tapped.inc();
      return;
    }
    if (!this.#matches()) return;
    const request = { headers: this.request_headers, body: this.#requestBody, trailers: this.request_trailers };
    const response = { headers: this.response_headers, body: this.#responseBody, trailers: this.response_trailers };
    this.#tap.emit(this.#id, encodeBuffered(request, response, settings.format, this.#config.redacted));
    this.#config.tapped.inc();
  }

  #matches(): boolean {
    return this.#tap.matcher.matches(this, this.#searches);
  }

  #passed(piece: Piece, headers: HeaderMap): void {
    if (!this.#tap.settings.streaming) return;
    if (this.#started) {
      this.#segment(piece, headers);
      return;
    }
    this.#startIfMatching();
  }

  /** What has passed before goes out first. */
  #startIfMatching(): void {
    if (!this.#matches()) return;
    this.#started = true;
    if (this.request_headers !== null) this.#segment('request_headers', this.request_headers);
    if (this.#requestBody !== null) this.#segment('request_body_chunk', this.#requestBody);
    if (this.request_trailers !== null) this.#segment('request_trailers', this.request_trailers);
    if (this.response_headers !== null) this.#segment('response_headers', this.response_headers);
    if (this.#responseBody !== null) this.#segment('response_body_chunk', this.#responseBody);
    if (this.response_trailers !== null) this.#segment('response_trailers', this.response_trailers);
    this.#requestBody = null;
    this.#responseBody = null;
  }

  #body(of: 'request' | 'response', chunk: Buffer): void {
    for (let i = 0; i < this.#searches.length; i++) if (this.#searches[i]!.of === of) this.#searches[i]!.add(chunk);
    const { streaming, maxRequestBytes, maxResponseBytes } = this.#tap.settings;
    const limit = of === 'request' ? maxRequestBytes : maxResponseBytes;
    if (streaming && this.#started) {
      const piece = new TracedBody(limit);
      piece.add(chunk);
      this.#segment(of === 'request' ? 'request_body_chunk' : 'response_body_chunk', piece);
      return;
    }
    if (of === 'request') (this.#requestBody ??= new TracedBody(limit)).add(chunk);
    else (this.#responseBody ??= new TracedBody(limit)).add(chunk);
    if (streaming && this.#searches.length > 0) this.#startIfMatching();
  }

  #segment(piece: Piece, content: HeaderMap | TracedBody): void {
    this.#tap.emit(this.#id, encodeSegment(this.#id, piece, content, this.#tap.settings.format, this.#config.redacted));
  }
}

const UNTAPPED = new PassThroughFilter();

class TapFactory implements HttpFilterFactory {
  readonly tapped: Counter;
  readonly redacted: ReadonlySet<string> | null;
  readonly #sampledOut: Counter;
  readonly #deps: FilterDeps;
  readonly #files: TraceFiles;
  readonly #slot: TapSlot | null;
  #active: ActiveTap | null;

  constructor(settings: TapFilterSettings, deps: FilterDeps) {
    const scope = deps.scope.scope('tap');
    this.tapped = scope.counter('rq_tapped');
    this.#sampledOut = scope.counter('rq_sampled_out');
    this.redacted = deps.logFormat?.redacted ?? null;
    this.#deps = deps;
    this.#files = new TraceFiles(deps.logger.component('tap'));
    this.#slot = settings.configId === '' ? null : (deps.tapSlot?.(settings.configId) ?? null);
    this.#active = settings.tap === null ? null : new ActiveTap(settings.tap, this.#files, null);
  }

  newFilter(): HttpFilter {
    if (this.#slot !== null) this.#follow(this.#slot);
    const tap = this.#active;
    if (tap === null) return UNTAPPED;
    const { runtime, random } = this.#deps;
    const { enabled } = tap.settings;
    if (enabled !== null && !runtime.fraction(enabled.runtimeKey, enabled.numerator, enabled.denominator, random.nextU32())) {
      this.#sampledOut.inc();
      return UNTAPPED;
    }
    return new TapFilter(this, tap, random);
  }

  /** What `/tap` asks for now. */
  #follow(slot: TapSlot): void {
    const wanted = slot.settings as TapSettings | null;
    if (wanted === (this.#active?.settings ?? null)) return;
    this.#active = wanted === null ? null : new ActiveTap(wanted, this.#files, slot);
  }
}

export function createTap(settings: TapFilterSettings, deps: FilterDeps): HttpFilterFactory {
  return new TapFactory(settings, deps);
}
