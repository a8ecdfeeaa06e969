/** A header block that comes in several frames. It is put together before it is decoded, within bounds. */

/** CONTINUATION frames of one block: at their full size these hold 2 MiB, more than anyone lets through. */
const MAX_FRAMES = 128;
/** Compressed fields may be a little longer than their limit: they are decoded, and refused one by one. */
const SLACK = 64 * 1024;

export class HeaderBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  /** The stream exists; otherwise fields are only decoded for the table's sake. */
  readonly wanted: boolean;
  bytes: Buffer;
  length: number;
  /** Of all its frames. */
  wireBytes: number;
  readonly #limit: number;
  #frames: number;

  constructor(
    streamId: number,
    endStream: boolean,
    wanted: boolean,
    maxHeadersKb: number,
    bytes: Buffer,
    start: number,
    end: number,
    wireBytes: number,
  ) {
    this.streamId = streamId;
    this.endStream = endStream;
    this.wanted = wanted;
    this.bytes = Buffer.from(bytes.subarray(start, end));
    this.length = end - start;
    this.wireBytes = wireBytes;
    this.#limit = 2 * maxHeadersKb * 1024 + SLACK;
    this.#frames = 0;
  }

  /** False: the peer sends more than any header block needs. */
  append(bytes: Buffer, start: number, end: number): boolean {
    const size = end - start;
    this.wireBytes += 9 + size;
    if (++this.#frames > MAX_FRAMES || this.length + size > this.#limit) return false;
    if (this.length + size > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + size));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    bytes.copy(this.bytes, this.length, start, end);
    this.length += size;
    return true;
  }
}
