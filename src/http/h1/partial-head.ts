/**
 * A head or trailer section that did not come in one piece. Its end is looked for only in what is new, so that a peer who sends it
 * byte by byte costs no more than its bytes.
 */
import { CR, LF } from './char-table.ts';

const INITIAL_SIZE = 1024;

export class PartialHead {
  bytes: Buffer;
  length: number;
  /** End of the first line (after its LF), 0 while it has none. */
  firstLineEnd: number;
  #scanned: number;
  /** Where the line that is being scanned begins. */
  #lineStart: number;
  readonly #hasStartLine: boolean;

  /** @param hasStartLine false for trailers, whose very first line may be the empty one */
  constructor(hasStartLine: boolean) {
    this.bytes = Buffer.allocUnsafe(INITIAL_SIZE);
    this.length = 0;
    this.firstLineEnd = 0;
    this.#scanned = 0;
    this.#lineStart = 0;
    this.#hasStartLine = hasStartLine;
  }

  append(chunk: Buffer, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    chunk.copy(this.bytes, this.length, start, end);
    this.length = needed;
  }

  /** Position after the empty line, or -1 while there is none. */
  findEnd(): number {
    const bytes = this.bytes;
    for (let p = this.#scanned; p < this.length; p++) {
      if (bytes[p] !== LF) continue;
      const lineLength = p - this.#lineStart;
      const empty = lineLength === 0 || (lineLength === 1 && bytes[p - 1] === CR);
      if (empty && (this.firstLineEnd > 0 || !this.#hasStartLine)) {
        this.#scanned = p + 1;
        return p + 1;
      }
      if (this.firstLineEnd === 0) this.firstLineEnd = p + 1;
      this.#lineStart = p + 1;
    }
    this.#scanned = this.length;
    return -1;
  }
}
