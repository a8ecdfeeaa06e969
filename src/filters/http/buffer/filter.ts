/** Holds a request until all of it is there, so that a slow client does not keep an upstream waiting. Behaviour: Envoy's BufferFilter. */
import type { HeaderMap, RequestHeaders } from '../../../http/header-map.ts';
import type { Route } from '../../../route/route.ts';
import type { HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import type { BufferSettings } from './config.ts';

class BufferFilter extends PassThroughFilter {
  readonly #maxRequestBytes: number;
  #headers: RequestHeaders | null;
  #length: number;

  constructor(maxRequestBytes: number) {
    super();
    this.#maxRequestBytes = maxRequestBytes;
    this.#headers = null;
    this.#length = 0;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, end: boolean): Status {
    if (end) return Status.Continue;
    stream.bufferLimit = this.#maxRequestBytes;
    this.#headers = headers;
    return Status.Stop;
  }

  override onRequestData(_stream: HttpStream, chunk: Buffer, end: boolean): Status {
    if (this.#headers === null) return Status.Continue;
    this.#length += chunk.length;
    if (!end) return Status.StopAndBuffer;
    this.#addLength(this.#headers);
    return Status.Continue;
  }

  override onRequestTrailers(_stream: HttpStream, _trailers: HeaderMap): Status {
    if (this.#headers !== null) this.#addLength(this.#headers);
    return Status.Continue;
  }

  #addLength(headers: RequestHeaders): void {
    if (!headers.has('content-length')) headers.set('content-length', String(this.#length));
  }
}

export function createBuffer(settings: BufferSettings): HttpFilterFactory {
  const nothing = new PassThroughFilter();
  return {
    newFilter(route: Route | null, name: string): HttpFilter {
      const { maxRequestBytes } = (route?.filterSettings(name) as BufferSettings | undefined) ?? settings;
      return maxRequestBytes === 0 ? nothing : new BufferFilter(maxRequestBytes);
    },
  };
}
