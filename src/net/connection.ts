/**
 * One TCP, UNIX or TLS connection, of either side. It adds to a Node socket what a proxy needs: counted read pauses, write
 * watermarks, output gathered into one write per event-loop turn, half-close, and one place where an unexpected exception costs
 * one connection.
 */
import type { Socket } from 'node:net';
import type { Address } from './address.ts';

export interface ConnectionHandler {
  /** Bytes from the peer. `chunk` is borrowed: whoever keeps it past this call first passes it through `keepChunk`. */
  onData(chunk: Buffer): void;
  /** The peer has sent FIN. The write side is still open. */
  onEnd(): void;
  /** The connection is gone, both ways; called exactly once, after which nothing else is. */
  onClose(event: CloseEvent): void;
  /** More than the buffer limit is waiting to be sent. */
  onAboveWriteBufferHighWatermark(): void;
  onBelowWriteBufferLowWatermark(): void;
}

export interface CloseEvent {
  /** Who ended it. */
  readonly origin: 'local' | 'remote';
  /** System error code such as ECONNRESET, or '' for an orderly close. */
  readonly error: string;
}

/** How a connection is closed from this side. */
export type CloseType = 'flush' | 'no-flush' | 'reset';

/** Receives an exception that escaped a handler; the connection has been closed already. */
export type ExceptionSink = (error: unknown, connection: Connection) => void;

/** Up to this many bytes a chunk is joined with the pending text into a single string write: libuv sends such a string without allocating. */
const JOIN_LIMIT = 15_000;
const EMPTY: CloseEvent = { origin: 'local', error: '' };

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
}

/** A chunk handed to a handler may lie in a buffer that is read into again: this returns bytes that stay. */
export function keepChunk(chunk: Buffer): Buffer {
  return chunk;
}

export class Connection {
  readonly id: number;
  readonly socket: Socket;
  handler: ConnectionHandler;
  /** As restored by listener filters (original destination, PROXY protocol). */
  localAddress: Address;
  remoteAddress: Address;
  /** The socket's own addresses. */
  readonly directLocalAddress: Address;
  readonly directRemoteAddress: Address;
  bytesReceived: number;
  bytesSent: number;
  closed: boolean;
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
  #closeEvent: CloseEvent | null;

  constructor(socket: Socket, handler: ConnectionHandler, local: Address, remote: Address) {
    this.id = nextConnectionId++;
    this.socket = socket;
    this.handler = handler;
    this.localAddress = local;
    this.remoteAddress = remote;
    this.directLocalAddress = local;
    this.directRemoteAddress = remote;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.closed = false;
    this.readEnded = false;
    this.writeEnded = false;
    this.#pendingText = '';
    this.#pendingBuffers = null;
    this.#queued = false;
    this.#pauses = 0;
    this.#bufferLimit = 1 << 20;
    this.#aboveHigh = false;
    this.#closeEvent = null;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#onDrain());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    socket.on('close', () => this.#onClose());
  }

  /** Bytes that wait to be sent before the peer is not read from any more. 0 = no limit. */
  setBufferLimit(bytes: number): void {
    this.#bufferLimit = bytes === 0 ? Number.POSITIVE_INFINITY : bytes;
  }

  /** Appends latin1 text (one char a byte). It leaves with everything else of this turn in one write. */
  writeText(text: string): void {
    if (this.closed || this.writeEnded) return;
    this.bytesSent += text.length;
    if (this.#pendingBuffers === null) this.#pendingText += text;
    else this.#pendingBuffers.push(Buffer.from(text, 'latin1'));
    if (!this.#queued) this.#enqueue();
  }

  write(chunk: Buffer): void {
    if (this.closed || this.writeEnded || chunk.length === 0) return;
    this.bytesSent += chunk.length;
    if (this.#pendingBuffers === null && this.#pendingText.length + chunk.length <= JOIN_LIMIT) {
      this.#pendingText += chunk.latin1Slice(0, chunk.length);
    } else {
      this.#pendingBuffers ??= [];
      this.#pendingBuffers.push(keepChunk(chunk));
    }
    if (!this.#queued) this.#enqueue();
  }

  flush(): void {
    this.#queued = false;
    if (this.closed) {
      this.#pendingText = '';
      this.#pendingBuffers = null;
      return;
    }
    const text = this.#pendingText;
    const buffers = this.#pendingBuffers;
    this.#pendingText = '';
    let accepted = true;
    if (buffers === null) {
      if (text !== '') accepted = this.socket.write(text, 'latin1');
    } else {
      this.#pendingBuffers = null;
      const batch = text !== '' || buffers.length > 1;
      if (batch) this.socket.cork();
      if (text !== '') this.socket.write(text, 'latin1');
      for (let i = 0; i < buffers.length; i++) accepted = this.socket.write(buffers[i]!);
      if (batch) this.socket.uncork();
    }
    if (!accepted && !this.#aboveHigh && this.socket.writableLength > this.#bufferLimit) {
      this.#aboveHigh = true;
      this.handler.onAboveWriteBufferHighWatermark();
    }
  }

  get aboveHighWatermark(): boolean {
    return this.#aboveHigh;
  }

  /** Pauses are counted: reading goes on when every pause has been taken back. */
  readDisable(disable: boolean): void {
    if (disable) {
      if (this.#pauses++ === 0) this.socket.pause();
    } else if (--this.#pauses === 0 && !this.closed) this.socket.resume();
  }

  get readDisabled(): boolean {
    return this.#pauses > 0;
  }

  /** Sends FIN after what is pending; reading goes on. */
  endWrite(): void {
    if (this.closed || this.writeEnded) return;
    this.flush();
    this.writeEnded = true;
    this.socket.end();
  }

  /**
   * 'flush' sends what is pending, then FIN, and closes when the peer has closed too or at once if it has already;
   * 'no-flush' closes now; 'reset' sends RST. `onClose` follows, not from inside this call.
   */
  close(type: CloseType): void {
    if (this.closed) return;
    this.#closeEvent ??= EMPTY;
    if (type === 'flush') {
      if (!this.writeEnded) {
        this.flush();
        this.writeEnded = true;
      }
      // Destroys the socket as soon as the pending bytes and FIN are out, whatever the peer still sends.
      this.socket.destroySoon();
    } else if (type === 'reset') {
      this.socket.resetAndDestroy();
    } else {
      this.socket.destroy();
    }
  }

  /** Runs `fn` as if bytes had come in: output is gathered, an exception costs this connection. For work that timers or others start. */
  dispatch(fn: () => void): void {
    dispatchDepth++;
    try {
      fn();
    } catch (error) {
      this.#fail(error);
    } finally {
      if (--dispatchDepth === 0) flushConnections();
    }
  }

  #onData(chunk: Buffer): void {
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

  #onEnd(): void {
    this.readEnded = true;
    this.dispatch(() => this.handler.onEnd());
  }

  #onDrain(): void {
    if (!this.#aboveHigh) return;
    this.#aboveHigh = false;
    this.dispatch(() => this.handler.onBelowWriteBufferLowWatermark());
  }

  #onError(error: NodeJS.ErrnoException): void {
    this.#closeEvent ??= { origin: 'remote', error: error.code ?? error.message };
  }

  #onClose(): void {
    if (this.closed) return;
    this.closed = true;
    const event = this.#closeEvent ?? { origin: 'remote', error: '' };
    this.dispatch(() => this.handler.onClose(event));
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
