/**
 * Cuts what a connection reads into frames. Payloads are handed on where they lie; only a frame that is cut by the end of a read is
 * copied, and never before its size has been found acceptable. DATA is passed on piece by piece. Source: RFC 9113 §4.
 */
import { FRAME_HEADER, FrameFlag, FrameType, MIN_FRAME_SIZE } from './protocol.ts';

export interface FrameHandler {
  /** A frame begins. False: it is refused, and nothing more is read. */
  onFrameHeader(type: number, flags: number, streamId: number, length: number): boolean;
  /** All of a frame's payload, borrowed. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /** A piece of DATA without its padding, borrowed; `last` comes exactly once a frame, with an empty piece if need be. */
  onDataPiece(streamId: number, piece: Buffer, last: boolean, endStream: boolean): void;
  /** The padding is longer than its frame. */
  onBadPadding(): void;
}

const State = { Header: 0, Payload: 1, PadLength: 2, Data: 3, Padding: 4, Stopped: 5 } as const;
type State = (typeof State)[keyof typeof State];

const NO_BYTES = Buffer.alloc(0);

export class FrameReader {
  readonly #handler: FrameHandler;
  #state: State;
  /** A frame's header that is cut. */
  #head: Buffer | null;
  #headLength: number;
  /** The payload of a frame that is cut. */
  #held: Buffer | null;
  #heldLength: number;
  #type: number;
  #flags: number;
  #streamId: number;
  /** Of DATA, or of the payload, still to come. */
  #left: number;
  #padding: number;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
    this.#state = State.Header;
    this.#head = null;
    this.#headLength = 0;
    this.#held = null;
    this.#heldLength = 0;
    this.#type = 0;
    this.#flags = 0;
    this.#streamId = 0;
    this.#left = 0;
    this.#padding = 0;
  }

  get stopped(): boolean {
    return this.#state === State.Stopped;
  }

  /** Nothing more is read. */
  stop(): void {
    this.#state = State.Stopped;
    this.#head = null;
    this.#held = null;
  }

  read(chunk: Buffer, start: number): void {
    const end = chunk.length;
    let p = start;
    while (p < end) {
      switch (this.#state) {
        case State.Header:
          p = this.#readHeader(chunk, p, end);
          break;
        case State.Payload:
          p = this.#readPayload(chunk, p, end);
          break;
        case State.PadLength:
          this.#padding = chunk[p++]!;
          this.#left--;
          if (this.#padding > this.#left) {
            this.stop();
            this.#handler.onBadPadding();
            return;
          }
          this.#left -= this.#padding;
          this.#state = State.Data;
          if (this.#left === 0) this.#endData(NO_BYTES);
          break;
        case State.Data: {
          const size = Math.min(this.#left, end - p);
          const piece = chunk.subarray(p, p + size);
          p += size;
          this.#left -= size;
          if (this.#left === 0) this.#endData(piece);
          else this.#handler.onDataPiece(this.#streamId, piece, false, false);
          break;
        }
        case State.Padding: {
          const size = Math.min(this.#padding, end - p);
          this.#padding -= size;
          p += size;
          if (this.#padding === 0) this.#state = State.Header;
          break;
        }
        case State.Stopped:
          return;
      }
    }
  }

  #endData(piece: Buffer): void {
    this.#state = this.#padding > 0 ? State.Padding : State.Header;
    this.#handler.onDataPiece(this.#streamId, piece, true, (this.#flags & FrameFlag.EndStream) !== 0);
  }

  #readHeader(chunk: Buffer, start: number, end: number): number {
    if (this.#head === null && end - start >= FRAME_HEADER) {
      this.#begin(chunk, start);
      return start + FRAME_HEADER;
    }
    const head = (this.#head ??= Buffer.allocUnsafe(FRAME_HEADER));
    const size = Math.min(FRAME_HEADER - this.#headLength, end - start);
    chunk.copy(head, this.#headLength, start, start + size);
    this.#headLength += size;
    if (this.#headLength === FRAME_HEADER) {
      this.#head = null;
      this.#headLength = 0;
      this.#begin(head, 0);
    }
    return start + size;
  }

  #begin(bytes: Buffer, at: number): void {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    // Our SETTINGS never allow more than the smallest limit there is.
    if (!this.#handler.onFrameHeader(type, flags, streamId, length) || length > MIN_FRAME_SIZE) {
      this.stop();
      return;
    }
    this.#type = type;
    this.#flags = flags;
    this.#streamId = streamId;
    this.#left = length;
    this.#padding = 0;
    if (type === FrameType.Data) {
      if ((flags & FrameFlag.Padded) === 0) {
        this.#state = State.Data;
        if (length === 0) this.#endData(NO_BYTES);
      } else if (length === 0) {
        this.stop();
        this.#handler.onBadPadding();
      } else this.#state = State.PadLength;
      return;
    }
    if (length === 0) this.#handler.onFrame(type, flags, streamId, NO_BYTES, 0, 0);
    else this.#state = State.Payload;
  }

  #readPayload(chunk: Buffer, start: number, end: number): number {
    const left = this.#left;
    if (this.#held === null && end - start >= left) {
      this.#state = State.Header;
      this.#handler.onFrame(this.#type, this.#flags, this.#streamId, chunk, start, start + left);
      return start + left;
    }
    const held = (this.#held ??= Buffer.allocUnsafe(left));
    const size = Math.min(left - this.#heldLength, end - start);
    chunk.copy(held, this.#heldLength, start, start + size);
    this.#heldLength += size;
    if (this.#heldLength === left) {
      this.#held = null;
      this.#heldLength = 0;
      this.#state = State.Header;
      this.#handler.onFrame(this.#type, this.#flags, this.#streamId, held, 0, left);
    }
    return start + size;
  }
}
