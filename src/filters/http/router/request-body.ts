/** The request body as far as it has come, kept while another attempt or an internal redirect may need it again. */
import type { HeaderMap } from '../../../http/header-map.ts';
import { keepChunk } from '../../../net/connection.ts';
import type { UpstreamAttempt } from './upstream-attempt.ts';

export class RequestBody {
  readonly #limit: number;
  readonly chunks: Buffer[];
  #bytes: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.chunks = [];
    this.#bytes = 0;
  }

  fits(chunk: Buffer): boolean {
    return this.#bytes + chunk.length <= this.#limit;
  }

  add(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#bytes += chunk.length;
    this.chunks.push(keepChunk(chunk));
  }

  get empty(): boolean {
    return this.chunks.length === 0;
  }

  /** @param complete the whole request is here @param trailers its trailers, if it has any */
  replay(attempt: UpstreamAttempt, complete: boolean, trailers: HeaderMap | null): void {
    const last = this.chunks.length - 1;
    for (let i = 0; i <= last && !attempt.over; i++) attempt.sendData(this.chunks[i]!, complete && trailers === null && i === last);
  }
}
