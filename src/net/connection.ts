/**
 * One TCP, UNIX or TLS connection, of either side. It adds to a Node socket what a proxy needs: counted read pauses, write
 * watermarks, output gathered into one write per event-loop turn, half-close, and one place where an unexpected exception costs
 * one connection.
 */
import type { Socket } from 'node:net';
import { Accepted } from './accepted.ts';
import type { Address } from './address.ts';
import type { CloseEvent, CloseType, ConnectionHandler } from './connection-handler.ts';
import { borrowForWrite, isReader, isShared, keepChunk, ReadBuffer, writeChunk } from './read-buffers.ts';
import type { TlsInfo } from './tls-info.ts';
import { joinInSlab, leaveSlab, reuseSlab, SLAB_SIZE } from './write-slab.ts';

export type { CloseEvent, CloseType, ConnectionHandler };
export { keepChunk };

/** Receives an exception that escaped a handler; the connection has been closed already. */
export type ExceptionSink = (error: unknown, connection: Connection) => void;

/** Keeps output of its own until the end of a turn, to put it into one write. */
export interface OutputSource {
  /** Hands everything over by `write` and `writeText`. */
  drainOutput(): void;
}

/** Up to this many bytes a chunk is joined with the pending text into a single string write: libuv sends such a string without allocating. */
const JOIN_LIMIT = 15_000;
/** From this many bytes on a copy in the slab costs less than text: a string of that size fills the young generation. */
const SLAB_MINIMUM = 2048;

let nextConnectionId = 1;
let dispatchDepth = 0;
let microtaskQueued = false;
let dirty: Connection[] = [];
let flushing: Connection[] = [];
let exceptionSink: ExceptionSink = (error) => {
  throw error;
};

/** Set once per worker by the server. */
export function onUnexpectedException(sink: ExceptionSink): void {
  exceptionSink = sink;
}

/** Sends what every connection has gathered. Called at the end of each turn: after a read, and by the clock after timers. */
export function flushConnections(): void {
  microtaskQueued = false;
  while (dirty.length > 0) {
    const batch = dirty;
    dirty = flushing;
    flushing = batch;
    for (let i = 0; i < batch.length; i++) batch[i]!.flush();
    batch.length = 0;
  }
  reuseSlab();
}

/** The connection of a socket, so that all sockets share five listener functions instead of five closures each. */
const OWNER = Symbol('connection');
interface OwnedSocket extends Socket {
  [OWNER]: Connection;
}

function onSocketData(this: Socket, chunk: Buffer): void {
  (this as OwnedSocket)[OWNER].onSocketData(chunk);
}
/** Node's `onread`: bytes lie in a buffer of ours, which is read into again after this. */
export function onSocketRead(this: Socket, length: number, buffer: Uint8Array): boolean {
  (this as OwnedSocket)[OWNER].onSocketRead(buffer as Buffer, length);
  return true;
}
function onSocketEnd(this: Socket): void {
  (this as OwnedSocket)[OWNER].onSocketEnd();
}
function onSocketDrain(this: Socket): void {
  (this as OwnedSocket)[OWNER].onSocketDrain();
}
function onSocketError(this: Socket, error: NodeJS.ErrnoException): void {
  (this as OwnedSocket)[OWNER].onSocketError(error);
}
function onSocketClose(this: Socket): void {
  (this as OwnedSocket)[OWNER].onSocketClose();
}

/** Begins to read an accepted connection, into reusable buffers where Node can. */
export function adoptAccepted(accepted: Accepted): Socket {
  return accepted.read(onSocketRead);
}

/** Of a connection that is not read from yet; nobody asks it for anything but to wrap it, or to close. */
const NO_SOCKET = null as unknown as Socket;

export class Connection {
  readonly id: number;
  /** The TCP or UNIX socket, or the TLS socket over it. */
  socket: Socket;
  handler: ConnectionHandler;
  /** A codec that gathers output by itself; see `expectOutput`. */
  outputSource: OutputSource | null;
  /** null = plain text. */
  tls: TlsInfo | null;
  /** As restored by listener filters (original destination, PROXY protocol). */
  localAddress: Address;
  remoteAddress: Address;
  /** The socket's own addresses; the PROXY protocol's are not these. */
  readonly directLocalAddress: Address;
  readonly directRemoteAddress: Address;
  bytesReceived: number;
  bytesSent: number;
  /** How often output has been handed to the socket. */
  flushes: number;
  /** The kernel has refused output: the peer had ended the connection with RST. */
  writeFailed: boolean;
  /** The socket is gone. `onClose` has been, or is being, called. */
  closed: boolean;
  /** `close` has been called: no handler method but `onClose` is called any more, and writes are dropped. */
  closing: boolean;
  /** FIN has been received. */
  readEnded: boolean;
  /** FIN has been (or will be, once flushed) sent. */
  writeEnded: boolean;
  #pendingText: string;
  #pendingBuffers: Buffer[] | null;
  #queued: boolean;
  #pauses: number;
  #bufferLimit: number;
  #aboveHigh: boolean;
  #error: string;
  /** Bytes handed back by `unread`, which come before whatever the socket reads next. */
  #blamesPeer: boolean;
  #unread: Buffer | null;
  /** FIN came while there were such bytes. */
  #endAfterUnread: boolean;
  /** null = the socket emits 'data'. */
  #reads: ReadBuffer | null;
  /** There is no socket before `wrapSocket`; null = there is. */
  #accepted: Accepted | null;

  /** @param source an accepted connection stays unread until `wrapSocket` */
  constructor(source: Socket | Accepted, handler: ConnectionHandler, local: Address, remote: Address) {
    const accepted = source instanceof Accepted ? source : null;
    this.#blamesPeer = false;
    this.id = nextConnectionId++;
    this.socket = accepted === null ? (source as Socket) : NO_SOCKET;
    this.handler = handler;
    this.outputSource = null;
    this.tls = null;
    this.localAddress = local;
    this.remoteAddress = remote;
    this.directLocalAddress = local;
    this.directRemoteAddress = remote;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.flushes = 0;
    this.writeFailed = false;
    this.closed = false;
    this.closing = false;
    this.readEnded = false;
    this.writeEnded = false;
    this.#pendingText = '';
    this.#pendingBuffers = null;
    this.#queued = false;
    this.#pauses = 0;
    this.#bufferLimit = 1 << 20;
    this.#aboveHigh = false;
    this.#error = '';
    this.#unread = null;
    this.#endAfterUnread = false;
    this.#reads = null;
    this.#accepted = accepted;
    if (accepted === null) this.#listen(this.socket);
  }

  #listen(socket: Socket): void {
    (socket as OwnedSocket)[OWNER] = this;
    this.#reads = isReader(socket) ? new ReadBuffer() : null;
    if (this.#reads === null) socket.on('data', onSocketData);
    socket.on('end', onSocketEnd);
    socket.on('drain', onSocketDrain);
    socket.on('error', onSocketError);
    socket.on('close', onSocketClose);
  }

  /**
   * From now on what is read and written passes through `wrap`'s socket, which has taken over the present one's handle (TLS). To be called
   * before anything has been written. Bytes that have been read already are for `wrap` to hand on.
   */
  wrapSocket(wrap: (accepted: Accepted) => Socket): void {
    let inner = this.#accepted;
    this.#accepted = null;
    if (inner === null) {
      const { socket } = this;
      socket.removeListener('data', onSocketData);
      socket.removeListener('end', onSocketEnd);
      socket.removeListener('drain', onSocketDrain);
      socket.removeListener('error', onSocketError);
      socket.removeListener('close', onSocketClose);
      this.#reads?.release();
      this.bytesReceived = 0;
      socket.pause();
      inner = Accepted.socket(socket);
    }
    this.socket = wrap(inner);
    this.#listen(this.socket);
    if (this.#pauses > 0) this.socket.pause();
  }

  /** Bytes that wait to be sent before the other side is held back; below the socket's own 64 KiB it has no effect. 0 = no limit. */
  setBufferLimit(bytes: number): void {
    this.#bufferLimit = bytes === 0 ? Number.POSITIVE_INFINITY : bytes;
  }

  get bufferLimit(): number {
    return this.#bufferLimit;
  }

  /** Appends latin1 text (one char a byte). It leaves with everything else of this turn in one write. */
  writeText(text: string): void {
    if (this.writeEnded) return;
    this.bytesSent += text.length;
    if (this.#pendingBuffers === null) this.#pendingText += text;
    else this.#pendingBuffers.push(Buffer.from(text, 'latin1'));
    if (!this.#queued) this.#enqueue();
  }

  write(chunk: Buffer): void {
    if (this.writeEnded || chunk.length === 0) return;
    this.bytesSent += chunk.length;
    if (this.#pendingBuffers === null) {
      const length = this.#pendingText.length + chunk.length;
      // Not where bytes wait for the peer already: those that follow them would hold a slab. Nor with TLS, which takes its input later.
      if (chunk.length >= SLAB_MINIMUM && length <= SLAB_SIZE && isShared(chunk) && this.tls === null && this.socket.writableLength === 0) {
        this.#pendingBuffers = [joinInSlab(this.#pendingText, chunk)];
        this.#pendingText = '';
      } else if (length <= JOIN_LIMIT) {
        this.#pendingText += chunk.latin1Slice(0, chunk.length);
      } else {
        this.#pendingBuffers = [borrowForWrite(chunk)];
      }
    } else {
      this.#pendingBuffers.push(borrowForWrite(chunk));
    }
    if (!this.#queued) this.#enqueue();
  }

  /** The output source has something: it will be asked for it at the end of the turn. */
  expectOutput(): void {
    if (!this.#queued && !this.writeEnded) this.#enqueue();
  }

  flush(): void {
    this.outputSource?.drainOutput();
    this.#queued = false;
    const text = this.#pendingText;
    const buffers = this.#pendingBuffers;
    if (text === '' && buffers === null) return;
    this.#pendingText = '';
    this.#pendingBuffers = null;
    if (this.closed || this.socket.destroyed) return;
    let accepted = true;
    this.flushes++;
    if (buffers === null) {
      accepted = this.socket.write(text, 'latin1');
    } else {
      const batch = text !== '' || buffers.length > 1;
      if (batch) this.socket.cork();
      if (text !== '') this.socket.write(text, 'latin1');
      for (let i = 0; i < buffers.length; i++) accepted = writeChunk(this.socket, buffers[i]!);
      if (batch) this.socket.uncork();
      if (this.socket.writableLength > 0) leaveSlab(buffers[0]!);
    }
    if (!accepted && !this.#aboveHigh && !this.closing && this.socket.writableLength > this.#bufferLimit) {
      this.#aboveHigh = true;
      // Not through `dispatch`: what the handler writes leaves with the batch that is being flushed.
      try {
        this.handler.onAboveWriteBufferHighWatermark();
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  get aboveHighWatermark(): boolean {
    return this.#aboveHigh;
  }

  /** Bytes that the kernel has not taken yet. */
  get bytesBuffered(): number {
    return this.socket.writableLength;
  }

  /** Bytes that the kernel has not taken yet, those included that this turn has gathered. */
  get bytesUnsent(): number {
    let bytes = this.socket.writableLength + this.#pendingText.length;
    const buffers = this.#pendingBuffers;
    if (buffers !== null) for (let i = 0; i < buffers.length; i++) bytes += buffers[i]!.length;
    return bytes;
  }

  /** Pauses are counted: reading goes on when every pause has been taken back. */
  readDisable(disable: boolean): void {
    if (disable) {
      if (this.#pauses++ === 0) this.socket.pause();
    } else if (--this.#pauses === 0 && !this.closed) {
      if (this.#unread !== null) this.#queueUnread();
      else this.socket.resume();
    }
  }

  /** System error code that ended the connection, such as ECONNRESET; '' = none. */
  get closeError(): string {
    return this.#error;
  }

  get readDisabled(): boolean {
    return this.#pauses > 0;
  }

  /** Hands bytes back that were looked at: they reach the handler again, in a later microtask, before anything newer. */
  unread(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.bytesReceived -= chunk.length;
    this.#unread = this.#unread === null ? keepChunk(chunk) : Buffer.concat([chunk, this.#unread]);
    this.socket.pause();
    if (this.#pauses === 0) this.#queueUnread();
  }

  /** Keeps bytes that came while nobody wants any: they follow those that wait already. */
  #hold(chunk: Buffer): void {
    this.#unread = this.#unread === null ? Buffer.from(chunk) : Buffer.concat([this.#unread, chunk]);
    this.socket.pause();
  }

  /** Sends FIN after what is pending; reading goes on. */
  endWrite(): void {
    if (this.writeEnded) return;
    this.flush();
    this.writeEnded = true;
    this.socket.end();
  }

  /** Closes now, and counts as the peer's doing: it has not shown what it had to. */
  closeAsPeer(): void {
    if (this.closed || this.closing) return;
    this.#blamesPeer = true;
    this.close('no-flush');
  }

  /** See CloseType. `onClose` follows, not from inside this call. A close that waits can be followed by one that does not. */
  close(type: CloseType): void {
    if (this.closed) return;
    // The way of all others, for those that never were read from.
    if (this.#accepted !== null) this.wrapSocket(adoptAccepted);
    const flushes = (type === 'flush' || type === 'flush-delay') && !this.closing && !this.writeEnded;
    this.closing = true;
    if (flushes) this.flush();
    this.writeEnded = true;
    // Of TLS sockets Node resets none.
    if (type === 'reset' && this.tls === null) this.socket.resetAndDestroy();
    else if (type === 'reset') this.socket.destroy();
    else if (type === 'no-flush') this.socket.destroy();
    else {
      this.readEnded = this.readEnded || this.#endAfterUnread;
      // What still comes in is read and dropped; it would turn the close into a reset.
      this.socket.resume();
      if (type === 'flush' || this.readEnded) this.socket.destroySoon();
      else this.socket.end();
    }
  }

  /** Runs `fn` as if bytes had come in: output is gathered, an exception costs this connection. For work that timers or others start. */
  dispatch(fn: () => void): void {
    dispatchDepth++;
    try {
      fn.call(this);
    } catch (error) {
      this.#fail(error);
    } finally {
      if (--dispatchDepth === 0) flushConnections();
    }
  }

  /** @internal */
  onSocketData(chunk: Buffer): void {
    if (this.closing) return;
    this.bytesReceived += chunk.length;
    dispatchDepth++;
    try {
      this.handler.onData(chunk);
    } catch (error) {
      this.#fail(error);
    } finally {
      if (--dispatchDepth === 0) flushConnections();
    }
  }

  /** @internal */
  onSocketRead(buffer: Buffer, length: number): void {
    // TLS decrypts all that it has read, also what comes after a pause.
    if ((this.#pauses > 0 || this.#unread !== null) && !this.closing) {
      this.#hold(buffer.subarray(0, length));
      return;
    }
    const reads = this.#reads!;
    reads.begin(length);
    try {
      this.onSocketData(buffer.subarray(0, length));
    } finally {
      reads.end(buffer);
    }
  }

  /** @internal */
  onSocketEnd(): void {
    // A paused socket with nothing buffered reports FIN all the same.
    if (this.#unread !== null) {
      this.#endAfterUnread = true;
      return;
    }
    this.readEnded = true;
    if (!this.closing) this.dispatch(this.#signalEnd);
  }

  /** @internal */
  onSocketDrain(): void {
    if (!this.#aboveHigh) return;
    this.#aboveHigh = false;
    if (!this.closing) this.dispatch(this.#signalBelowLow);
  }

  /** @internal */
  onSocketError(error: NodeJS.ErrnoException): void {
    if (this.#error === '') this.#error = error.code ?? error.message;
    if (error.syscall === 'write') this.writeFailed = true;
  }

  /** @internal */
  onSocketClose(): void {
    if (this.closed) return;
    this.closed = true;
    this.writeEnded = true;
    this.#reads?.release();
    this.#unread = null;
    this.dispatch(this.#signalClose);
  }

  // Methods, not closures: `dispatch` gives them their `this`.
  #signalEnd(this: Connection): void {
    this.handler.onEnd();
  }
  #signalBelowLow(this: Connection): void {
    this.handler.onBelowWriteBufferLowWatermark();
  }
  #signalClose(this: Connection): void {
    this.handler.onClose({ origin: this.closing && !this.#blamesPeer ? 'local' : 'remote', error: this.closing ? '' : this.#error });
  }

  #queueUnread(): void {
    queueMicrotask(() => {
      const chunk = this.#unread;
      if (chunk === null || this.#pauses > 0 || this.closing) return;
      this.#unread = null;
      this.onSocketData(chunk);
      // The handler may have paused again, or handed bytes back.
      if (this.#unread !== null || this.closed) return;
      if (this.#endAfterUnread) this.onSocketEnd();
      else if (this.#pauses === 0) this.socket.resume();
    });
  }

  #enqueue(): void {
    this.#queued = true;
    dirty.push(this);
    if (dispatchDepth === 0 && !microtaskQueued) {
      microtaskQueued = true;
      queueMicrotask(flushConnections);
    }
  }

  #fail(error: unknown): void {
    this.close('reset');
    exceptionSink(error, this);
  }
}
