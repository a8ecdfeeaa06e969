/**
 * A server's TLS socket straight over an accepted connection's handle: no further socket between the two, and what is decrypted is read
 * into the buffers that all connections share. It is a plain socket whose handle is Node's TLS handle: `TLSSocket` does more at each
 * connection than a proxy needs, and what it adds is asked of the handle here. The handle comes from TLSSocket's `_wrapHandle`
 * (undocumented); where this Node lacks what is needed the socket is wrapped as documented.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { SecureContext, TLSSocket, TLSSocketOptions } from 'node:tls';
import type { Accepted, StreamHandle } from '../net/accepted.ts';
import { onSocketRead } from '../net/connection.ts';
import { markReader, onreadOption } from '../net/read-buffers.ts';
import { tls } from './context.ts';

/** What is asked of a TLS socket, of either kind. */
export type TlsSocket = Socket &
  Pick<
    TLSSocket,
    | 'getProtocol'
    | 'getCipher'
    | 'getSession'
    | 'getEphemeralKeyInfo'
    | 'getSharedSigalgs'
    | 'isSessionReused'
    | 'getPeerX509Certificate'
    | 'getX509Certificate'
    | 'alpnProtocol'
  > & { readonly servername?: string | false | null };

/** How a handshake goes on; of the last two one is called, once. */
export interface HandshakeTarget {
  /** The client has said what it wants. @returns the context to go on with; null = the one that the socket has */
  onClientHello(serverName: string, wantsStatus: boolean): SecureContext | null;
  onSecure(): void;
  /** The socket is closed, or being closed. @param error null = the client, or this side, just ended the connection */
  onEnded(error: Error | null): void;
}

export interface ServerSocketOptions {
  readonly context: SecureContext;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  /** RFC 7301 §3.1, without the length of all; null = none. */
  readonly alpn: Buffer | null;
}

/** Node's TLSWrap. */
interface TlsHandle extends StreamHandle {
  receive(bytes: Buffer): void;
  setVerifyMode(request: boolean, reject: boolean): void;
  setALPNProtocols(protocols: Buffer): void;
  enableCertCb(): void;
  certCbDone(): void;
  getServername(): string | false;
  getALPNNegotiatedProtocol(): string | false;
  getProtocol: TLSSocket['getProtocol'];
  getCipher: TLSSocket['getCipher'];
  getSession: TLSSocket['getSession'];
  getSharedSigalgs: TLSSocket['getSharedSigalgs'];
  isSessionReused: TLSSocket['isSessionReused'];
  oncertcb(this: TlsHandle, info: { servername: string; OCSPRequest: boolean }): void;
  onhandshakedone(this: TlsHandle): void;
  onerror(this: TlsHandle, error: Error): void;
  sni_context: unknown;
  [SOCKET]: DirectSocket;
}

type Wrap = (this: object, wrap: null, handle: StreamHandle, active: boolean) => TlsHandle;

const SOCKET = Symbol('socket');

/** undefined = nobody has asked; null = this Node cannot. */
let wrapHandle: Wrap | null | undefined;

/** What `_wrapHandle` takes for its socket: it wants to be told when that closes, which the real one sees to by itself. */
const WRAPPER = { _tlsOptions: { secureContext: null as SecureContext | null, isServer: true }, listenerCount: () => 1 };

/** These functions, on each handle, are what makes no closure for each. */
function onClientHello(this: TlsHandle, info: { servername: string; OCSPRequest: boolean }): void {
  this[SOCKET].onClientHello(this, info.servername, info.OCSPRequest);
}
function onHandshakeDone(this: TlsHandle): void {
  this[SOCKET].onHandshakeDone(this);
}
function onError(this: TlsHandle, error: Error): void {
  this[SOCKET].onTlsError(error);
}

export class DirectSocket extends Socket {
  servername: string | false;
  alpnProtocol: string | false | null;
  /** Where Node looks for what is to be freed with the handle. */
  readonly ssl: TlsHandle | null;
  /** null = it has been told. */
  #target: HandshakeTarget | null;

  constructor(handle: TlsHandle, target: HandshakeTarget) {
    const options = { handle, allowHalfOpen: true, manualStart: true, onread: onreadOption(onSocketRead) };
    super(options as unknown as SocketConstructorOpts);
    this.servername = false;
    this.alpnProtocol = null;
    this.ssl = handle;
    this.#target = target;
    handle[SOCKET] = this;
    handle.oncertcb = onClientHello;
    handle.onhandshakedone = onHandshakeDone;
    handle.onerror = onError;
  }

  /** Lets the handshake begin. @param peeked bytes that have been read already */
  begin(peeked: Buffer): void {
    // Later, when whoever asked for the socket listens to it.
    if (peeked.length > 0) queueMicrotask(() => this.#tls?.receive(peeked));
    this.read(0);
  }

  get #tls(): TlsHandle | null {
    return (this as unknown as { _handle: TlsHandle | null })._handle;
  }

  /** @internal */
  onClientHello(handle: TlsHandle, serverName: string, wantsStatus: boolean): void {
    try {
      const context = this.#target?.onClientHello(serverName, wantsStatus) ?? null;
      if (context !== null) handle.sni_context = context.context;
      handle.certCbDone();
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  /** @internal */
  onHandshakeDone(handle: TlsHandle): void {
    const target = this.#target;
    if (target === null || this.destroyed) return;
    this.#target = null;
    this.servername = handle.getServername();
    this.alpnProtocol = handle.getALPNNegotiatedProtocol();
    target.onSecure();
  }

  /** @internal Also after the handshake: such a connection cannot go on. */
  onTlsError(error: Error): void {
    // Whoever is told of it may want to ask how far the handshake has come.
    const target = this.#target;
    this.#target = null;
    target?.onEnded(error);
    this.destroy(error);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const target = this.#target;
    this.#target = null;
    target?.onEnded(error);
    super._destroy(error, callback);
  }

  /** Nobody's bytes come before the handshake is over, and it has to go on: what comes after it in the meantime the connection keeps. */
  override pause(): this {
    return this.#target === null ? super.pause() : this;
  }

  getProtocol(): string | null {
    return this.#tls?.getProtocol() ?? null;
  }
  getCipher(): ReturnType<TLSSocket['getCipher']> {
    return this.#tls?.getCipher() as ReturnType<TLSSocket['getCipher']>;
  }
  getSession(): ReturnType<TLSSocket['getSession']> {
    return this.#tls?.getSession();
  }
  /** Told to clients only. */
  getEphemeralKeyInfo(): null {
    return null;
  }
  getSharedSigalgs(): string[] {
    return this.#tls?.getSharedSigalgs() ?? [];
  }
  isSessionReused(): boolean {
    return this.#tls?.isSessionReused() ?? false;
  }
  getPeerX509Certificate(): ReturnType<TLSSocket['getPeerX509Certificate']> {
    return tls().TLSSocket.prototype.getPeerX509Certificate.call(this as unknown as TLSSocket);
  }
  getX509Certificate(): ReturnType<TLSSocket['getX509Certificate']> {
    return tls().TLSSocket.prototype.getX509Certificate.call(this as unknown as TLSSocket);
  }
}

/**
 * Its handshake begins with `begin`.
 * @returns null where this Node lacks what is needed; `accepted` is as it was
 */
export function directSocket(accepted: Accepted, options: ServerSocketOptions, target: HandshakeTarget): DirectSocket | null {
  if (wrapHandle === undefined) {
    const inner = (tls().TLSSocket.prototype as unknown as { _wrapHandle?: Wrap })._wrapHandle;
    wrapHandle = typeof inner === 'function' ? inner : null;
  }
  if (wrapHandle === null || typeof accepted._handle?.useUserBuffer !== 'function') return null;
  const tcp = accepted.takeHandle()!;
  WRAPPER._tlsOptions.secureContext = options.context;
  const handle = wrapHandle.call(WRAPPER, null, tcp, false);
  if (options.requestCert || options.rejectUnauthorized) handle.setVerifyMode(options.requestCert, options.rejectUnauthorized);
  if (options.alpn !== null) handle.setALPNProtocols(options.alpn);
  handle.enableCertCb();
  const socket = new DirectSocket(handle, target);
  markReader(socket);
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
