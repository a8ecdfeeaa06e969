/** Streams whose readers go on. They get what was held for them in a later microtask, never from inside the call that resumed them. */
import type { Connection } from '../../net/connection.ts';
import type { Http2Stream } from './stream.ts';

export class Resumption {
  readonly #connection: Connection;
  readonly #deliver: () => void;
  readonly #schedule: () => void;
  #streams: Http2Stream[];

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#streams = [];
    this.#deliver = () => {
      const streams = this.#streams;
      this.#streams = [];
      for (const stream of streams) stream.deliverHeld();
    };
    this.#schedule = () => this.#connection.dispatch(this.#deliver);
  }

  add(stream: Http2Stream): void {
    if (this.#streams.push(stream) === 1) queueMicrotask(this.#schedule);
  }
}
