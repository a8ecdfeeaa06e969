/** A listening socket. It outlives the listener that opened it: an update hands it over to the next one as it is. */
import { createServer, type Server } from 'node:net';
import { type Accepted, acceptFrom } from '../net/accepted.ts';
import { type Address, ipAddress, pipeAddress } from '../net/address.ts';
import { descriptorOf, type PreboundOptions, type PreparedSockets } from '../net/socket-options.ts';
import { HAS_REUSE_PORT } from '../runtime/environment.ts';
import { fs } from '../runtime/node-module.ts';
import type { ListenAddressSettings, ListenerSettings } from './settings.ts';

/** Kernels cap it at net.core.somaxconn, which is what Envoy asks for. */
const DEFAULT_BACKLOG = 65_535;

/** Connections that wait while the proxy starts; more are refused, as by a full backlog. */
const MAX_HELD = 4096;

export interface SocketReceiver {
  acceptSocket(accepted: Accepted, listenPath: string): void;
  /** Told of each connection first: true if another worker has it now, or has accepted it itself. */
  handOver?(accepted: Accepted, listenPath: string): boolean;
}

export class ListenSocket {
  /** Text of everything that the socket was opened with; equal text = may be handed over. */
  readonly identity: string;
  readonly address: Address;
  receiver: SocketReceiver;
  readonly #server: Server;
  #closed: boolean;
  /** Accepted while `hold` was in force, unread; null = they are handed on. */
  #held: Accepted[] | null;

  private constructor(identity: string, server: Server, address: Address, keepAliveS: number, receiver: SocketReceiver) {
    this.identity = identity;
    this.#server = server;
    this.address = address;
    this.receiver = receiver;
    this.#closed = false;
    this.#held = null;
    acceptFrom(server, { keepAliveS }, (accepted) => {
      if (this.#held === null) this.#receive(accepted);
      else if (this.#held.length < MAX_HELD) this.#held.push(accepted);
      else accepted.close();
    });
    // An accept that fails (EMFILE) costs that connection; the next one is tried.
    server.on('error', () => undefined);
  }

  /** @throws an Error whose message names the address */
  static async open(
    settings: ListenerSettings,
    address: ListenAddressSettings,
    prepared: PreparedSockets,
    receiver: SocketReceiver,
  ): Promise<ListenSocket> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true, ...keepaliveOptions(settings) });
    const backlog = settings.backlog === 0 ? DEFAULT_BACKLOG : settings.backlog;
    const text = addressText(address);
    try {
      if (address.kind === 'pipe') await listenPipe(server, address.path, address.mode, backlog);
      else if (needsPrepared(settings)) await listenPrepared(server, settings, address, prepared, backlog);
      else
        await listen(server, {
          host: address.ip,
          port: address.port,
          ipv6Only: !address.ipv4Compat,
          reusePort: settings.reusePort,
          exclusive: true,
          backlog,
        });
    } catch (error) {
      server.close();
      throw new Error(`cannot bind '${text}': ${reason(error)}`, { cause: error });
    }
    const bound = server.address();
    const at = bound === null || typeof bound === 'string' ? pipeAddress(text) : ipAddress(bound.address, bound.port);
    return new ListenSocket(socketIdentity(settings, address), server, at, settings.keepalive?.timeS ?? 0, receiver);
  }

  /** Connections are accepted and wait, until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    for (const accepted of held) this.#receive(accepted);
  }

  #receive(accepted: Accepted): void {
    const path = this.address.path;
    if (this.receiver.handOver?.(accepted, path) !== true) this.receiver.acceptSocket(accepted, path);
  }

  /** Stops accepting; connections live on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const accepted of this.#held ?? []) accepted.close();
  }
}

/** Two settings with the same text can use the same socket. */
export function socketIdentity(settings: ListenerSettings, address: ListenAddressSettings): string {
  const { transparent, freebind, socketOptions, keepalive, backlog, fastOpenQueueLength, reusePort } = settings;
  return JSON.stringify([address, transparent, freebind, socketOptions, keepalive, backlog, fastOpenQueueLength, reusePort]);
}

/** "1.2.3.4:80", "[::1]:80" or the path. */
export function addressText(address: ListenAddressSettings): string {
  return address.kind === 'pipe' ? address.path : ipAddress(address.ip, address.port).text;
}

function needsPrepared(settings: ListenerSettings): boolean {
  const { transparent, freebind, fastOpenQueueLength, socketOptions, reusePort } = settings;
  return transparent || freebind || fastOpenQueueLength > 0 || socketOptions.length > 0 || (reusePort && !HAS_REUSE_PORT);
}

function keepaliveOptions(settings: ListenerSettings): { keepAlive?: boolean; keepAliveInitialDelay?: number } {
  return settings.keepalive === null ? {} : { keepAlive: true, keepAliveInitialDelay: settings.keepalive.timeS * 1000 };
}

function listen(server: Server, options: Parameters<Server['listen']>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function listenPrepared(
  server: Server,
  settings: ListenerSettings,
  address: ListenAddressSettings & { kind: 'ip' },
  prepared: PreparedSockets,
  backlog: number,
): Promise<void> {
  const options: PreboundOptions = {
    transparent: settings.transparent,
    freebind: settings.freebind,
    reusePort: settings.reusePort,
    ipv6Only: !address.ipv4Compat,
    fastOpenQueueLength: settings.fastOpenQueueLength,
    options: settings.socketOptions,
  };
  await listen(server, { fd: prepared.open(address.ip, address.port, options), backlog });
  prepared.apply(descriptorOf(server), settings.socketOptions, 'listening');
}

async function listenPipe(server: Server, path: string, mode: number, backlog: number): Promise<void> {
  if (path.startsWith('@')) {
    await listen(server, { path: `\0${path.slice(1)}`, backlog });
    return;
  }
  // A socket file that an earlier process left is in the way, as Envoy sees it too.
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket()) fs.unlinkSync(path);
  await listen(server, { path, backlog });
  if (mode !== 0) fs.chmodSync(path, mode);
}

function reason(error: unknown): string {
  const e = error as NodeJS.ErrnoException;
  if (e.code === 'EADDRINUSE') return 'Address already in use';
  if (e.code === 'EADDRNOTAVAIL') return 'Cannot assign requested address';
  if (e.code === 'EACCES') return 'Permission denied';
  return e.message;
}
