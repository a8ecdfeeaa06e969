/**
 * Where sockets read into. Node allocates 64 KiB for each read; a proxy passes most bytes on within the same turn, so one buffer can
 * serve all connections: a chunk is valid while its handler runs, and whoever keeps it copies it (`keepChunk`). A connection that fills
 * that buffer moves on to a large one of its own, which can be written from without a copy: it is read into again once what was written
 * from it has left. `net` calls this `onread`; accepted sockets have no such option, so they are wrapped again (`readInto`).
 */
import { Socket } from 'node:net';

const SHARED_SIZE = 64 * 1024;
const LARGE_SIZE = 256 * 1024;
/** A connection whose reads become shorter than this gives its large buffer back. */
const STAY_SIZE = 16 * 1024;
/**
 * Large buffers that connections may hold at one time; further ones read into the shared buffer, and every chunk of theirs that cannot
 * leave as text is copied: memory that V8 counts, and answers with full collections.
 */
const MAX_LARGE = 128;
/** Large buffers kept for the next who needs one, at least; as many as are in use while that is more. */
const MIN_SPARE = 8;

export type ReadCallback = (this: Socket, length: number, buffer: Uint8Array) => boolean;

const shared = Buffer.allocUnsafeSlow(SHARED_SIZE);
const spare: LargeBuffer[] = [];
let largeInUse = 0;

/** The large buffer whose bytes are being handled in this turn; null = none. */
let reading: LargeBuffer | null = null;

class LargeBuffer {
  readonly bytes: Buffer;
  /** Writes from it that have not been completed. */
  writes: number;
  /** Somebody keeps a part of it: it is never read into again. */
  kept: boolean;
  /** No connection reads into it any more. */
  left: boolean;
  /** Where it was written to last; more than one place is counted as kept. */
  target: Socket | null;
  readonly onWritten: () => void;

  constructor() {
    this.bytes = Buffer.allocUnsafeSlow(LARGE_SIZE);
    this.writes = 0;
    this.kept = false;
    this.left = false;
    this.target = null;
    this.onWritten = () => {
      this.writes--;
      this.reuse();
    };
  }

  /** All that was written from it has been taken by the kernel. */
  get settled(): boolean {
    return !this.kept && (this.writes === 0 || (this.target !== null && this.target.writableLength === 0));
  }

  leave(): void {
    this.left = true;
    largeInUse--;
    this.reuse();
  }

  reuse(): void {
    const most = Math.max(MIN_SPARE, largeInUse);
    if (this.left && this.writes === 0 && !this.kept && spare.length < most && !spare.includes(this)) {
      this.target = null;
      spare.push(this);
    }
    if (spare.length > most) spare.length = most;
  }
}

let overwrites = false;

/** For tests: a chunk that was kept without `keepChunk` turns to 0xdd at once, instead of some time later. */
export function overwriteAfterUse(on: boolean): void {
  overwrites = on;
}

/** Reading side of one connection: which buffer its socket reads into. */
export class ReadBuffer {
  #large: LargeBuffer | null = null;
  /** Length of the last read. */
  #length = 0;

  /** Call it before the bytes of a read are handled. */
  begin(length: number): void {
    this.#length = length;
    reading = this.#large;
  }

  /** Call it after; the next buffer to read into follows from `next`. */
  end(buffer: Buffer): void {
    reading = null;
    finished = this;
    if (overwrites && (this.#large === null || this.#large.settled)) buffer.fill(0xdd, 0, this.#length);
  }

  /** The buffer for the next read; null = the same as before. */
  next(): Buffer | null {
    const large = this.#large;
    if (large === null) return this.#length >= SHARED_SIZE ? this.#takeLarge() : null;
    const busy = this.#length >= STAY_SIZE;
    if (busy && large.settled) return null;
    this.#large = null;
    large.leave();
    return (busy ? this.#takeLarge() : null) ?? shared;
  }

  /** The socket is gone. */
  release(): void {
    this.#large?.leave();
    this.#large = null;
  }

  #takeLarge(): Buffer | null {
    if (largeInUse >= MAX_LARGE) return null;
    largeInUse++;
    const large = spare.pop() ?? new LargeBuffer();
    large.left = false;
    large.target = null;
    this.#large = large;
    return large.bytes;
  }
}

/** Whose read has just been handled: Node asks for the next buffer right after. */
let finished: ReadBuffer | null = null;

/** Given to Node once a connection; its types want a buffer, but anything else means "the same again". */
function nextBuffer(): Uint8Array {
  const connection = finished;
  if (connection === null) return shared;
  finished = null;
  return connection.next() as unknown as Uint8Array;
}

/** Bytes that stay: a copy, or the large buffer itself if most of it is kept. */
export function keepChunk(chunk: Buffer): Buffer {
  const memory = chunk.buffer;
  if (memory === shared.buffer) return Buffer.from(chunk);
  if (reading === null || memory !== reading.bytes.buffer) return chunk;
  if (chunk.length < LARGE_SIZE / 2) return Buffer.from(chunk);
  reading.kept = true;
  return chunk;
}

/** The chunk will be overwritten by the next read of any connection. */
export function isShared(chunk: Buffer): boolean {
  return chunk.buffer === shared.buffer;
}

/** A chunk that will be written before this turn ends: a copy only if it lies in the shared buffer. */
export function borrowForWrite(chunk: Buffer): Buffer {
  return chunk.buffer === shared.buffer ? Buffer.from(chunk) : chunk;
}

/** `socket.write`, by which a large buffer learns when it can be read into again. */
export function writeChunk(socket: Socket, chunk: Buffer): boolean {
  const large = reading;
  if (large === null || chunk.buffer !== large.bytes.buffer) return socket.write(chunk);
  if (large.writes > 0 && large.target !== socket) large.kept = true;
  large.target = socket;
  large.writes++;
  return socket.write(chunk, large.onWritten);
}

const READS_INTO = Symbol('reads into our buffers');
interface MarkedSocket extends Socket {
  [READS_INTO]?: boolean;
}

/** What `net.connect` takes as `onread`; call `markReader` with the socket. */
export function onreadOption(callback: ReadCallback): {
  buffer: () => Uint8Array;
  callback: (length: number, buffer: Uint8Array) => boolean;
} {
  // Node calls it as a method of the socket.
  return { buffer: nextBuffer, callback: callback as (length: number, buffer: Uint8Array) => boolean };
}

export function markReader(socket: Socket): void {
  (socket as MarkedSocket)[READS_INTO] = true;
}

/** False for a socket that emits 'data'. */
export function isReader(socket: Socket): boolean {
  return (socket as MarkedSocket)[READS_INTO] === true;
}

/** Parts of Node's sockets that are not documented; if one is missing, sockets stay as they are. */
interface InnerSocket {
  _handle: { useUserBuffer?: unknown } | null;
  _server?: unknown;
}

/**
 * Wraps an accepted socket, which must come from a server with `pauseOnConnect`, so that it reads into our buffers. Where this Node
 * lacks what is needed the socket itself is returned, reading on as usual.
 */
export function readInto(accepted: Socket, callback: ReadCallback): Socket {
  const inner = accepted as unknown as InnerSocket;
  const handle = inner._handle;
  if (handle === null || typeof handle?.useUserBuffer !== 'function') {
    accepted.resume();
    return accepted;
  }
  // The wrapper is let go without being destroyed: the handle has another owner now.
  inner._handle = null;
  const options = { handle, allowHalfOpen: true, onread: onreadOption(callback) };
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
  (socket as unknown as InnerSocket)._server = inner._server;
  markReader(socket);
  return socket;
}
