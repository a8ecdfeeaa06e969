/** HEADERS and their CONTINUATIONs. A block that comes in several frames is put together before it is decoded, within bounds. */
import { fault } from './faults.ts';
import { FrameFlag } from './protocol.ts';
import type { Http2Session } from './session.ts';

/** CONTINUATION frames of one block: at their full size these hold 2 MiB, more than anyone lets through. */
const MAX_FRAMES = 128;
/** Compressed fields may be a little longer than their limit: they are decoded, and refused one by one. */
const SLACK = 64 * 1024;

class HeaderBlock {
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

export class HeaderIntake {
  readonly #session: Http2Session;
  readonly #maxHeadersKb: number;
  #block: HeaderBlock | null;

  constructor(session: Http2Session, maxHeadersKb: number) {
    this.#session = session;
    this.#maxHeadersKb = maxHeadersKb;
    this.#block = null;
  }

  /** The stream whose header block is not complete; 0 = none. */
  get openStream(): number {
    return this.#block === null ? 0 : this.#block.streamId;
  }

  onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const session = this.#session;
    if (streamId === 0) {
      session.fail(fault.streamZero);
      return;
    }
    let from = start;
    let to = end;
    if ((flags & FrameFlag.Padded) !== 0) to -= from < to ? bytes[from++]! : 1;
    const prioritised = (flags & FrameFlag.Priority) !== 0;
    if (prioritised) from += 5;
    if (from > to) {
      session.fail(fault.padding);
      return;
    }
    if (prioritised && (bytes.readUInt32BE(from - 5) & 0x7fff_ffff) === streamId) {
      session.fail(fault.selfDependency);
      return;
    }
    const wanted = session.onHeadersBegin(streamId);
    if (session.failed) return;
    const endStream = (flags & FrameFlag.EndStream) !== 0;
    const wireBytes = 9 + end - start;
    if ((flags & FrameFlag.EndHeaders) !== 0) session.onHeaderBlock(streamId, endStream, wanted, bytes, from, to, wireBytes);
    else this.#block = new HeaderBlock(streamId, endStream, wanted, this.#maxHeadersKb, bytes, from, to, wireBytes);
  }

  onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const session = this.#session;
    const block = this.#block!;
    if (!block.append(bytes, start, end)) {
      session.fail(fault.headerFlood, session.streams.get(block.streamId) ?? null);
      return;
    }
    if ((flags & FrameFlag.EndHeaders) === 0) return;
    this.#block = null;
    session.onHeaderBlock(block.streamId, block.endStream, block.wanted, block.bytes, 0, block.length, block.wireBytes);
  }
}
