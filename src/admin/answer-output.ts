/**
 * The body of a long answer, handed to the socket a piece at a time. Text is encoded into one buffer that is used again when the socket has taken it: as
 * strings, the 34 MB that a scrape of 2,000 clusters is would grow old in the heap, and be collected at twice the cost of writing them.
 */
import type { ServerResponse } from 'node:http';

const BUFFER_BYTES = 131_072;
/** UTF-8 of one character of a string. */
const MOST_BYTES = 3;

export class AnswerOutput {
  readonly #response: ServerResponse;
  #buffer: Buffer | null = null;
  /** Bytes. */
  sent = 0;
  #failed = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** The reader is there no more. A write says so before the response itself knows, and a loop of writes would not let it know. */
  get gone(): boolean {
    return this.#failed || this.#response.destroyed;
  }

  /** Settles when the socket has taken it, or is gone. */
  text(text: string): Promise<void> {
    if (text.length * MOST_BYTES > BUFFER_BYTES) return this.bytes(Buffer.from(text));
    this.#buffer ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
    return this.bytes(this.#buffer.subarray(0, this.#buffer.write(text)));
  }

  bytes(bytes: Uint8Array): Promise<void> {
    const response = this.#response;
    if (this.gone) return Promise.resolve();
    this.sent += bytes.byteLength;
    return new Promise((resolve) => {
      const done = (error?: Error | null) => {
        if (error) this.#failed = true;
        response.off('close', done);
        resolve();
      };
      response.on('close', done);
      response.write(bytes, done);
    });
  }
}
