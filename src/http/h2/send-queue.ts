/** Streams whose output waits for a window. They take turns: each sends what it may, the ones that cannot go on stay. */
import type { Http2Stream } from './stream.ts';

export class SendQueue {
  #streams: Http2Stream[] = [];

  add(stream: Http2Stream): void {
    stream.listed = true;
    this.#streams.push(stream);
  }

  /** A window has opened. */
  run(): void {
    const streams = this.#streams;
    if (streams.length === 0) return;
    this.#streams = [];
    for (let i = 0; i < streams.length; i++) {
      const stream = streams[i]!;
      if (stream.sendPending()) this.#streams.push(stream);
      else stream.listed = false;
    }
  }

  clear(): void {
    this.#streams = [];
  }
}
