/** Opens one upstream socket: TCP over IPv4 or IPv6, or UNIX. The only place that does. */
import net from 'node:net';
import { ResetReason } from '../../http/reset-reason.ts';
import type { ConnectionInfo, UpstreamSource } from '../../http/stream-info.ts';
import type { HostAddress } from '../../lb/host.ts';
import { type Address, ipAddress, pipeAddress } from '../../net/address.ts';
import { Connection, type ConnectionHandler, onSocketRead } from '../../net/connection.ts';
import { LOCAL_HEADER, proxyProtocolHeader, sentTlvs, type UpstreamProxyProtocolSettings } from '../../net/proxy-protocol.ts';
import { markReader, onreadOption } from '../../net/read-buffers.ts';
import { openFrom } from '../../net/socket-options.ts';
import type { TcpKeepAliveSettings } from '../settings.ts';

export interface ConnectOptions {
  readonly bufferLimit: number;
  readonly tcpKeepAlive: TcpKeepAliveSettings | null;
  /** "ip:port"; ''. */
  readonly bindAddress: string;
  /** Instead of `bindAddress`: an address that may be anybody's. */
  readonly source?: UpstreamSource | null;
  /** A header that goes first. */
  readonly proxyProtocol?: UpstreamProxyProtocolSettings | null;
  /** Whom it tells of; null: the proxy itself. */
  readonly client?: ConnectionInfo | null;
}

/** Whoever waits for the connection. Exactly one of the two is called, never from inside `connect`; none after `abort`. */
export interface ConnectListener {
  onConnected(connection: Connection): void;
  /** @param reason LocalConnectionFailure or RemoteConnectionFailure @param text the transport's words, e.g. "delayed connect error: Connection refused" */
  onConnectFailed(reason: ResetReason, text: string): void;
}

export interface ConnectAttempt {
  abort(): void;
}

/** How a cluster gets its sockets; tests put another one in. */
export type Connector = (target: HostAddress, options: ConnectOptions, listener: ConnectListener) => ConnectAttempt;

/** strerror(3) texts, which Envoy prints; Node has libuv's. */
const ERROR_TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EAGAIN: 'Resource temporarily unavailable',
  ECONNABORTED: 'Software caused connection abort',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  EINVAL: 'Invalid argument',
  EMFILE: 'Too many open files',
  ENETDOWN: 'Network is down',
  ENETUNREACH: 'Network is unreachable',
  ENOENT: 'No such file or directory',
  ENOTSOCK: 'Socket operation on non-socket',
  EPERM: 'Operation not permitted',
  EPIPE: 'Broken pipe',
  EPROTOTYPE: 'Protocol wrong type for socket',
  ETIMEDOUT: 'Connection timed out',
};

/** Errors that the kernel gives later, when a TCP handshake fails; all others come from connect(2) itself. */
const DELAYED = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ETIMEDOUT']);

const NO_HANDLER: ConnectionHandler = {
  onData: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onAboveWriteBufferHighWatermark: () => undefined,
  onBelowWriteBufferLowWatermark: () => undefined,
};

export const connectSocket: Connector = (target, options, listener) => {
  if (options.source === undefined || options.source === null || target.kind !== 'ip')
    return new SocketAttempt(target, options, listener, NO_DESCRIPTOR);
  try {
    return new SocketAttempt(target, options, listener, openFrom(options.source.ip, options.source.mark));
  } catch (error) {
    return new FailedAttempt(listener, (error as Error).message);
  }
};

const NO_DESCRIPTOR = -1;

/** There was not even a socket to connect. */
class FailedAttempt implements ConnectAttempt {
  #aborted = false;

  constructor(listener: ConnectListener, text: string) {
    queueMicrotask(() => {
      if (!this.#aborted) listener.onConnectFailed(ResetReason.LocalConnectionFailure, text);
    });
  }

  abort(): void {
    this.#aborted = true;
  }
}

class SocketAttempt implements ConnectAttempt {
  readonly #target: HostAddress;
  readonly #options: ConnectOptions;
  readonly #listener: ConnectListener;
  readonly #socket: net.Socket;
  #settled = false;

  /** @param fd a socket that is bound already; -1 = a new one */
  constructor(target: HostAddress, options: ConnectOptions, listener: ConnectListener, fd: number) {
    this.#target = target;
    this.#options = options;
    this.#listener = listener;
    const reading = { ...socketOptions(target, options), onread: onreadOption(onSocketRead) };
    // Node would read at once from a socket that it is given, connected or not.
    this.#socket = net.connect(fd === NO_DESCRIPTOR ? reading : ({ ...reading, fd, manualStart: true } as unknown as net.NetConnectOpts));
    markReader(this.#socket);
    this.#socket.once('connect', this.#onConnect);
    this.#socket.once('error', this.#onError);
  }

  abort(): void {
    if (this.#settled) return;
    this.#settled = true;
    // An error may still come from a connect under way; it stays without effect.
    this.#socket.removeListener('connect', this.#onConnect);
    this.#socket.destroy();
  }

  readonly #onConnect = (): void => {
    if (this.#settled) return;
    this.#settled = true;
    const socket = this.#socket;
    const remote = this.#target as Address;
    const local =
      this.#target.kind === 'pipe' || socket.localAddress === undefined
        ? pipeAddress('')
        : ipAddress(socket.localAddress, socket.localPort ?? 0);
    if (this.#options.tcpKeepAlive !== null && this.#target.kind === 'ip') setKeepAlive(socket, this.#options.tcpKeepAlive);
    const connection = new Connection(socket, NO_HANDLER, local, remote);
    socket.removeListener('error', this.#onError);
    connection.setBufferLimit(this.#options.bufferLimit);
    const { proxyProtocol, client } = this.#options;
    if (proxyProtocol !== undefined && proxyProtocol !== null) announce(connection, proxyProtocol, client ?? null);
    connection.dispatch(() => this.#listener.onConnected(connection));
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (this.#settled) return;
    this.#settled = true;
    const code = error.code ?? '';
    const words = ERROR_TEXTS[code] ?? code;
    if (error.syscall === 'bind') {
      this.#listener.onConnectFailed(ResetReason.LocalConnectionFailure, 'failed to bind to ' + this.#options.bindAddress + ': ' + words);
    } else if (this.#target.kind === 'ip' && DELAYED.has(code)) {
      this.#listener.onConnectFailed(ResetReason.RemoteConnectionFailure, 'delayed connect error: ' + words);
    } else {
      this.#listener.onConnectFailed(
        ResetReason.RemoteConnectionFailure,
        'immediate connect error: ' + words + '|remote address:' + this.#target.text,
      );
    }
  };
}

/** Before anything else is said, TLS included. Source: UpstreamProxyProtocolSocket::generateHeader. */
function announce(connection: Connection, settings: UpstreamProxyProtocolSettings, client: ConnectionInfo | null): void {
  const { version } = settings;
  let header: Buffer;
  if (client !== null && client.remoteAddress.kind === 'ip') {
    const tlvs = version === 1 ? [] : sentTlvs(settings, client.proxyTlvs ?? []);
    header = proxyProtocolHeader(version, client.remoteAddress, client.localAddress, tlvs);
  } else if (version === 1) header = proxyProtocolHeader(1, connection.localAddress, connection.remoteAddress);
  else header = LOCAL_HEADER;
  connection.write(header);
  connection.flush();
}

/** For `net.connect`. */
export function socketOptions(target: HostAddress, options: ConnectOptions): net.NetConnectOpts {
  if (target.kind === 'pipe') return { path: target.path.startsWith('@') ? '\0' + target.path.slice(1) : target.path, allowHalfOpen: true };
  const base = { host: target.ip, port: target.port, noDelay: true, allowHalfOpen: true };
  if (options.bindAddress === '' || (options.source ?? null) !== null) return base;
  const colon = options.bindAddress.lastIndexOf(':');
  const localAddress = options.bindAddress.slice(0, colon).replace(/^\[|\]$/g, '');
  const localPort = Number(options.bindAddress.slice(colon + 1));
  return localPort === 0 ? { ...base, localAddress } : { ...base, localAddress, localPort };
}

function setKeepAlive(socket: net.Socket, settings: TcpKeepAliveSettings): void {
  // 0 = not given: Linux's own values, since Node would put in others.
  socket.setKeepAlive(true, (settings.timeS || 7200) * 1000, (settings.intervalS || 75) * 1000, settings.probes || 9);
}
