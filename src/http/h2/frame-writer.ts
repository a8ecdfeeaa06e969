/**
 * Frames on their way out. What a turn of the event loop produces for a connection is gathered in one buffer, which is borrowed from a
 * pool for as long as it holds something, and leaves in one write; large payloads are written from where they lie.
 */
import type { Connection } from '../../net/connection.ts';
import { FRAME_HEADER, FrameFlag, FrameType, MIN_FRAME_SIZE } from './protocol.ts';

const BUFFER_SIZE = 32 * 1024;
const MAX_POOLED = 32;
/** Payloads above this are not copied. */
const COPY_LIMIT = 4096;
/** Up to this size the connection takes text, and the buffer is free again at once. */
const TEXT_LIMIT = 15_000;

const pool: Buffer[] = [];

/** Keeps count of what has left. */
export interface OutputGuard {
  settle(): void;
}

export class FrameWriter {
  /** Frames handed to the connection since it was made. */
  frames: number;
  guard: OutputGuard | null;
  readonly #connection: Connection;
  #bytes: Buffer | null;
  #length: number;

  constructor(connection: Connection) {
    this.frames = 0;
    this.guard = null;
    this.#connection = connection;
    this.#bytes = null;
    this.#length = 0;
    connection.outputSource = this;
  }

  /** Bytes that have not been handed to the connection. */
  get gathered(): number {
    return this.#length;
  }

  /** Hands over what is gathered. The connection calls it before it writes. */
  drainOutput(): void {
    const bytes = this.#bytes;
    if (bytes === null) return;
    const length = this.#length;
    this.guard?.settle();
    this.#bytes = null;
    this.#length = 0;
    if (length <= TEXT_LIMIT) {
      if (length > 0) this.#connection.writeText(bytes.latin1Slice(0, length));
      if (pool.length < MAX_POOLED) pool.push(bytes);
    } else this.#connection.write(bytes.subarray(0, length));
  }

  preface(text: string): void {
    const bytes = this.#reserve(text.length);
    bytes.latin1Write(text, this.#length, text.length);
    this.#length += text.length;
  }

  /** HEADERS, with as many CONTINUATIONs as needed. @returns bytes of all frames */
  headers(streamId: number, block: Buffer, length: number, end: boolean): number {
    let at = 0;
    let written = 0;
    do {
      const size = Math.min(MIN_FRAME_SIZE, length - at);
      const last = at + size === length;
      let flags = last ? FrameFlag.EndHeaders : 0;
      if (at === 0 && end) flags |= FrameFlag.EndStream;
      const bytes = this.#frame(size, at === 0 ? FrameType.Headers : FrameType.Continuation, flags, streamId);
      block.copy(bytes, this.#length, at, at + size);
      this.#length += size;
      at += size;
      written += FRAME_HEADER + size;
    } while (at < length);
    return written;
  }

  /** One DATA frame; `chunk` may be borrowed and must fit the peer's frame size. */
  data(streamId: number, chunk: Buffer, end: boolean): void {
    const size = chunk.length;
    const flags = end ? FrameFlag.EndStream : 0;
    if (size <= COPY_LIMIT) {
      const bytes = this.#frame(size, FrameType.Data, flags, streamId);
      chunk.copy(bytes, this.#length, 0, size);
      this.#length += size;
      return;
    }
    writeHeader(this.#reserve(FRAME_HEADER), this.#length, size, FrameType.Data, flags, streamId);
    this.frames++;
    this.#length += FRAME_HEADER;
    this.drainOutput();
    this.#connection.write(chunk);
  }

  /** RST_STREAM or WINDOW_UPDATE: four bytes. */
  word(type: FrameType, streamId: number, value: number): void {
    const bytes = this.#frame(4, type, 0, streamId);
    bytes.writeUInt32BE(value, this.#length);
    this.#length += 4;
  }

  /** @param pairs identifier, value, identifier, value … */
  settings(pairs: readonly number[]): void {
    const bytes = this.#frame(pairs.length * 3, FrameType.Settings, 0, 0);
    let at = this.#length;
    for (let i = 0; i < pairs.length; i += 2) {
      bytes.writeUInt16BE(pairs[i]!, at);
      bytes.writeUInt32BE(pairs[i + 1]!, at + 2);
      at += 6;
    }
    this.#length = at;
  }

  settingsAck(): void {
    this.#frame(0, FrameType.Settings, FrameFlag.Ack, 0);
  }

  /** @param payload has eight bytes at `start` */
  ping(payload: Buffer, start: number, ack: boolean): void {
    const bytes = this.#frame(8, FrameType.Ping, ack ? FrameFlag.Ack : 0, 0);
    payload.copy(bytes, this.#length, start, start + 8);
    this.#length += 8;
  }

  goAway(lastStreamId: number, code: number): void {
    const bytes = this.#frame(8, FrameType.GoAway, 0, 0);
    bytes.writeUInt32BE(lastStreamId, this.#length);
    bytes.writeUInt32BE(code, this.#length + 4);
    this.#length += 8;
  }

  /** Writes a frame's header. @returns the buffer, with room for the payload at `#length` */
  #frame(size: number, type: FrameType, flags: number, streamId: number): Buffer {
    const bytes = this.#reserve(FRAME_HEADER + size);
    writeHeader(bytes, this.#length, size, type, flags, streamId);
    this.#length += FRAME_HEADER;
    this.frames++;
    return bytes;
  }

  #reserve(size: number): Buffer {
    let bytes = this.#bytes;
    if (bytes !== null) {
      if (BUFFER_SIZE - this.#length >= size) return bytes;
      this.drainOutput();
    }
    bytes = pool.pop() ?? Buffer.allocUnsafeSlow(BUFFER_SIZE);
    this.#bytes = bytes;
    this.#connection.expectOutput();
    return bytes;
  }
}

function writeHeader(bytes: Buffer, at: number, size: number, type: number, flags: number, streamId: number): void {
  bytes[at] = size >>> 16;
  bytes[at + 1] = (size >>> 8) & 0xff;
  bytes[at + 2] = size & 0xff;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = streamId >>> 24;
  bytes[at + 6] = (streamId >>> 16) & 0xff;
  bytes[at + 7] = (streamId >>> 8) & 0xff;
  bytes[at + 8] = streamId & 0xff;
}
