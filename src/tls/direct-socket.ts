/**
 * A server's TLS socket straight over an accepted connection's handle: no further socket between the two, and what is decrypted is read
 * into the buffers that all connections share. `TLSSocket` does both only for connections that it opens itself, so this hands it the
 * handle where it would make one (`_wrapHandle`, undocumented); where this Node lacks what is needed the socket is wrapped as usual.
 */
import type { Socket } from 'node:net';
import type { TLSSocket, TLSSocketOptions } from 'node:tls';
import { onSocketRead } from '../net/connection.ts';
import { markReader, onreadOption } from '../net/read-buffers.ts';
import { tls } from './context.ts';

interface TcpHandle {
  useUserBuffer?: unknown;
}

interface TlsHandle extends TcpHandle {
  receive?(bytes: Buffer): void;
}

/** Parts of Node's sockets that are not documented. */
interface InnerSocket {
  _handle: TcpHandle | null;
  _server?: unknown;
  connecting: boolean;
  _secureEstablished: boolean;
  _tlsOptions: DirectOptions;
}

interface DirectOptions extends TLSSocketOptions {
  readonly handle: TcpHandle;
  readonly onread: object;
}

type Wrap = (this: unknown, wrap: unknown, handle: TcpHandle | undefined, active: boolean) => TlsHandle;
type DirectClass = new (socket: undefined, options: DirectOptions) => TLSSocket;

/** undefined = nobody has asked; null = this Node cannot. */
let made: DirectClass | null | undefined;

function directClass(): DirectClass | null {
  const { TLSSocket } = tls();
  const wrapHandle = (TLSSocket.prototype as unknown as { _wrapHandle?: Wrap })._wrapHandle;
  if (typeof wrapHandle !== 'function') return null;
  class DirectSocket extends (TLSSocket as unknown as DirectClass) {
    _wrapHandle(_wrap: unknown, _handle: unknown, active: boolean): TlsHandle {
      return (wrapHandle as Wrap).call(this, null, (this as unknown as InnerSocket)._tlsOptions.handle, active);
    }
    /** Nobody's bytes come before the handshake is over, and it has to go on: what comes after it in the meantime the connection keeps. */
    override pause(): this {
      return (this as unknown as InnerSocket)._secureEstablished ? super.pause() : this;
    }
  }
  return DirectSocket;
}

/**
 * @param accepted paused; it is not to be used any more
 * @param peeked bytes that have been read from it already
 */
export function serverSocket(accepted: Socket, peeked: Buffer, options: TLSSocketOptions): TLSSocket {
  if (made === undefined) made = directClass();
  const inner = accepted as unknown as InnerSocket;
  const handle = inner._handle;
  if (made === null || handle === null || typeof handle.useUserBuffer !== 'function') return wrapped(accepted, peeked, options);
  // It is let go without being destroyed: the handle has another owner now.
  inner._handle = null;
  const socket = new made(undefined, { ...options, handle, allowHalfOpen: true, onread: onreadOption(onSocketRead) } as DirectOptions);
  const direct = socket as unknown as InnerSocket;
  direct._server = inner._server;
  // Node takes a socket that was made from nothing for one that is going to connect.
  direct.connecting = false;
  markReader(socket);
  // Later, when whoever asked for the socket listens to it.
  if (peeked.length > 0) queueMicrotask(() => (direct._handle as TlsHandle | null)?.receive?.(peeked));
  return socket;
}

/** As Node means it: `accepted` stays, beneath. */
export function wrapped(accepted: Socket, peeked: Buffer, options: TLSSocketOptions): TLSSocket {
  // Its errors are the outer one's too; unheard they would end the process.
  accepted.on('error', ignore);
  if (peeked.length > 0) accepted.unshift(peeked);
  return new (tls().TLSSocket)(accepted, options);
}

function ignore(): void {}
