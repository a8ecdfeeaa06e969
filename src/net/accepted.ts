/**
 * A connection that has been accepted, and that nobody reads from yet. Node makes a socket for each, which would be thrown away for one
 * that reads into our buffers, or speaks TLS; where its listening handle can be asked instead (`onconnection`, undocumented), there is
 * none before it is known which it is to be.
 */
import { type Server, Socket, type SocketConstructorOpts } from 'node:net';
import { type Address, ipAddress } from './address.ts';
import { markReader, onreadOption, type ReadCallback, readInto } from './read-buffers.ts';

/** Node's TCPWrap or PipeWrap. */
export interface StreamHandle {
  readonly fd: number;
  close(): void;
  useUserBuffer?: unknown;
  getpeername?(out: SocketName): number;
  getsockname?(out: SocketName): number;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, seconds: number): number;
}

interface SocketName {
  address?: string;
  port?: number;
}

interface ListeningHandle {
  onconnection?: (this: ListeningHandle, status: number, handle: StreamHandle | undefined) => void;
}

export interface AcceptOptions {
  /** Seconds of silence before the kernel asks; 0 = it does not. */
  readonly keepAliveS: number;
}

/** Parts of Node's sockets that are not documented. */
interface InnerSocket {
  _handle: StreamHandle | null;
}

export class Accepted {
  /** Named as in Node's sockets; null = somebody has taken it. */
  _handle: StreamHandle | null;
  /** null = there has been none. */
  readonly #socket: Socket | null;

  private constructor(handle: StreamHandle | null, socket: Socket | null) {
    this._handle = handle;
    this.#socket = socket;
  }

  /** @param socket paused and unread */
  static socket(socket: Socket): Accepted {
    return new Accepted((socket as unknown as InnerSocket)._handle, socket);
  }

  static handle(handle: StreamHandle): Accepted {
    return new Accepted(handle, null);
  }

  /** null = the peer has gone before we looked. */
  get remote(): Address | null {
    if (this.#socket !== null) return address(this.#socket.remoteAddress, this.#socket.remotePort);
    const name: SocketName = {};
    this._handle?.getpeername?.(name);
    return address(name.address, name.port);
  }

  get local(): Address | null {
    if (this.#socket !== null) return address(this.#socket.localAddress, this.#socket.localPort);
    const name: SocketName = {};
    this._handle?.getsockname?.(name);
    return address(name.address, name.port);
  }

  /** Leaves it to whoever makes something else of it; it is not to be used any more. */
  takeHandle(): StreamHandle | null {
    const handle = this._handle;
    this._handle = null;
    // The socket is let go without being destroyed.
    if (this.#socket !== null) (this.#socket as unknown as InnerSocket)._handle = null;
    return handle;
  }

  /** A socket that reads into our buffers, at once, where Node can. */
  read(callback: ReadCallback): Socket {
    if (this.#socket !== null) {
      this._handle = null;
      return readInto(this.#socket, callback);
    }
    const handle = this.takeHandle();
    if (typeof handle?.useUserBuffer !== 'function') return newSocket({ handle, allowHalfOpen: true });
    const socket = newSocket({ handle, allowHalfOpen: true, onread: onreadOption(callback) });
    markReader(socket);
    return socket;
  }

  /** A socket as Node makes them, paused. */
  paused(): Socket {
    if (this.#socket !== null) return this.#socket;
    return newSocket({ handle: this.takeHandle(), allowHalfOpen: true, pauseOnCreate: true });
  }

  close(): void {
    if (this.#socket !== null) this.#socket.destroy();
    else this.takeHandle()?.close();
  }
}

/** @param server listening, with `pauseOnConnect`, `allowHalfOpen` and what else connections are to have */
export function acceptFrom(server: Server, { keepAliveS }: AcceptOptions, receive: (accepted: Accepted) => void): void {
  const listening = (server as unknown as { _handle: ListeningHandle | null })._handle;
  if (typeof listening?.onconnection !== 'function') {
    server.on('connection', (socket) => receive(Accepted.socket(socket)));
    return;
  }
  listening.onconnection = (_status, handle) => {
    // An accept that fails (EMFILE) costs that connection; the next one is tried.
    if (handle === undefined) return;
    handle.setNoDelay?.(true);
    if (keepAliveS > 0) handle.setKeepAlive?.(true, keepAliveS);
    receive(Accepted.handle(handle));
  };
}

function address(ip: string | undefined, port: number | undefined): Address | null {
  return ip === undefined || port === undefined ? null : ipAddress(ip, port);
}

/** Node's types do not know handles. */
function newSocket(options: object): Socket {
  return new Socket(options as SocketConstructorOpts);
}
