/** Length-prefixed messages of gRPC: a flag, four bytes of length, the message. Source: PROTOCOL-HTTP2.md of gRPC. */

export const GRPC_FRAME_HEADER_BYTES = 5;

/** Counts the messages that begin in a stream, without keeping any of it. */
export class GrpcFrameCounter {
  #headerBytes: number;
  #length: number;

  constructor() {
    this.#headerBytes = 0;
    this.#length = 0;
  }

  /** How many messages begin in `chunk`. */
  count(chunk: Buffer): number {
    let begun = 0;
    for (let at = 0; at < chunk.length; ) {
      if (this.#headerBytes === GRPC_FRAME_HEADER_BYTES) {
        const take = Math.min(this.#length, chunk.length - at);
        this.#length -= take;
        at += take;
        if (this.#length === 0) this.#headerBytes = 0;
        continue;
      }
      if (this.#headerBytes === 0) begun++;
      else this.#length = this.#length * 256 + chunk[at]!;
      this.#headerBytes++;
      at++;
      if (this.#headerBytes === GRPC_FRAME_HEADER_BYTES && this.#length === 0) this.#headerBytes = 0;
    }
    return begun;
  }
}

export interface GrpcFrame {
  readonly flags: number;
  readonly message: Buffer;
}

/** Cuts a stream into messages. */
export class GrpcFrameDecoder {
  readonly #maxMessage: number;
  #rest: Buffer | null;

  /** @param maxMessage bytes; a longer message is an error */
  constructor(maxMessage: number) {
    this.#maxMessage = maxMessage;
    this.#rest = null;
  }

  /** Bytes of a message that is not whole. */
  get pending(): number {
    return this.#rest === null ? 0 : this.#rest.length;
  }

  /** Whole messages so far, copied; null = a message is too long, or its flags are unknown. */
  decode(chunk: Buffer): GrpcFrame[] | null {
    let rest = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: GrpcFrame[] = [];
    while (rest.length >= GRPC_FRAME_HEADER_BYTES) {
      const length = rest.readUInt32BE(1);
      if (length > this.#maxMessage || rest[0]! > 1) return null;
      const end = GRPC_FRAME_HEADER_BYTES + length;
      if (rest.length < end) break;
      frames.push({ flags: rest[0]!, message: Buffer.from(rest.subarray(GRPC_FRAME_HEADER_BYTES, end)) });
      rest = rest.subarray(end);
    }
    this.#rest = rest.length === 0 ? null : Buffer.from(rest);
    return frames;
  }
}

/** `message` behind its header. */
export function grpcFrame(message: Uint8Array, flags = 0): Buffer {
  const frame = Buffer.allocUnsafe(GRPC_FRAME_HEADER_BYTES + message.length);
  frame[0] = flags;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, GRPC_FRAME_HEADER_BYTES);
  return frame;
}

/** gRPC status → HTTP status. Source: Envoy's Grpc::Utility::grpcToHttpStatus. */
export function grpcToHttpStatus(status: number): number {
  return HTTP_STATUSES[status] ?? 500;
}

const HTTP_STATUSES: readonly number[] = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
