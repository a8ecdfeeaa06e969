/**
 * Socket options that Node has no name for, through libc: the original destination of a redirected connection, and listening
 * sockets that need options before they are bound. libc is loaded on first use, so a configuration without them never loads it.
 * Linux only; where it cannot be loaded the error says what the option was needed for.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { type Address, ipAddress, parseIpBytes } from './address.ts';

/** Where a redirected connection was going to. */
export interface OriginalDestination {
  /** @param local the socket's own address: tells the family. Null if the connection was not redirected by NAT, or that cannot be told. */
  resolve(socket: Socket, local: Address): Address | null;
}

export interface PreboundOptions {
  readonly transparent: boolean;
  readonly freebind: boolean;
  readonly reusePort: boolean;
  readonly ipv6Only: boolean;
  /** TCP_FASTOPEN queue length; 0 = off. */
  readonly fastOpenQueueLength: number;
  readonly options: readonly SocketOption[];
}

export interface SocketOption {
  readonly level: number;
  readonly name: number;
  /** A number sets an int; text is bytes, one character each. */
  readonly value: number | string;
  readonly state: 'prebind' | 'bound' | 'listening';
}

/** Makes TCP sockets that are bound, with their options set, for `server.listen({ fd })`. */
export interface PreparedSockets {
  /** @throws SocketOptionError */
  open(ip: string, port: number, options: PreboundOptions): number;
  /** Sets options of one state on a socket that is there. @throws SocketOptionError */
  apply(fd: number, options: readonly SocketOption[], state: SocketOption['state']): void;
}

export class SocketOptionError extends Error {
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const SO_MARK = 36;
const SOL_IP = 0;
const SOL_IPV6 = 41;
const SOL_TCP = 6;
const IP_FREEBIND = 15;
const IP_TRANSPARENT = 19;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IPV6_V6ONLY = 26;
const IPV6_TRANSPARENT = 75;
const IPV6_FREEBIND = 78;
const TCP_FASTOPEN = 23;
/** SO_ORIGINAL_DST (linux/netfilter_ipv4.h) and IP6T_SO_ORIGINAL_DST have the same number at different levels. */
const SO_ORIGINAL_DST = 80;

interface LibC {
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint32Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  close(fd: number): number;
  dup(fd: number): number;
  lastError(): string;
}

let libc: LibC | null = null;

function loadLibC(): LibC {
  if (libc !== null) return libc;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  // The process itself exports libc's symbols, whichever libc it is.
  const self = koffi.load(null);
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));
  libc = {
    getsockopt: self.func(
      'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
    ) as LibC['getsockopt'],
    setsockopt: self.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)') as LibC['setsockopt'],
    socket: self.func('int socket(int domain, int type, int protocol)') as LibC['socket'],
    bind: self.func('int bind(int fd, const uint8_t *address, uint32_t length)') as LibC['bind'],
    close: self.func('int close(int fd)') as LibC['close'],
    dup: self.func('int dup(int fd)') as LibC['dup'],
    lastError: () => names.get(koffi.errno()) ?? `errno ${koffi.errno()}`,
  };
  return libc;
}

/** The descriptor under a Node socket or server; -1 when it has none (any more). Node has it, but not in its documented interface. */
export function descriptorOf(holder: object): number {
  const handle = (holder as { _handle?: { fd?: number } | null })._handle;
  return handle?.fd ?? -1;
}

/** Another descriptor of the same socket, which stays open when this one is closed; -1 where that cannot be had. */
export function duplicateDescriptor(holder: object): number {
  const fd = descriptorOf(holder);
  if (fd < 0) return -1;
  try {
    return loadLibC().dup(fd);
  } catch {
    return -1;
  }
}

const TCP_INFO = 11;
/** Offset of tcpi_bytes_acked in `struct tcp_info`. */
const BYTES_ACKED = 120;
const tcpInfo = new Uint8Array(BYTES_ACKED + 8);
const tcpInfoLength = new Uint32Array(1);
let tcpInfoWorks = true;

/** How many bytes the peer's kernel has acknowledged since the connection began, one more for its SYN; -1 where that cannot be told. */
export function acknowledgedBytes(socket: Socket): number {
  const fd = descriptorOf(socket);
  if (!tcpInfoWorks || fd < 0) return -1;
  try {
    tcpInfoLength[0] = tcpInfo.length;
    if (loadLibC().getsockopt(fd, SOL_TCP, TCP_INFO, tcpInfo, tcpInfoLength) !== 0 || tcpInfoLength[0]! < tcpInfo.length) return -1;
  } catch {
    // No libc to be had: that will not change.
    tcpInfoWorks = false;
    return -1;
  }
  return Number(new DataView(tcpInfo.buffer).getBigUint64(BYTES_ACKED, true));
}

class KernelOriginalDestination implements OriginalDestination {
  readonly #value = new Uint8Array(28);
  readonly #length = new Uint32Array(1);

  resolve(socket: Socket, local: Address): Address | null {
    const fd = descriptorOf(socket);
    if (fd < 0 || local.kind !== 'ip') return null;
    // A socket of the IPv6 wildcard that took an IPv4 connection shows an IPv4 local address; its conntrack entry is IPv4's.
    this.#length[0] = local.version === 4 ? 16 : 28;
    const level = local.version === 4 ? SOL_IP : SOL_IPV6;
    if (loadLibC().getsockopt(fd, level, SO_ORIGINAL_DST, this.#value, this.#length) !== 0) return null;
    return parseSockaddr(this.#value);
  }
}

/** The kernel's answer (netfilter conntrack). */
export function kernelOriginalDestination(): OriginalDestination {
  return new KernelOriginalDestination();
}

/** A `struct sockaddr_in` or `sockaddr_in6`; null for another family. */
export function parseSockaddr(bytes: Uint8Array): Address | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) return ipAddress(`${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`, port);
  if (family !== AF_INET6) return null;
  return ipAddress(formatIpv6(bytes.subarray(8, 24)), port);
}

/** Canonical text (RFC 5952) of 16 bytes. */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff) return `::ffff:${bytes.subarray(12).join('.')}`;
  // The longest run of at least two zero groups, the first of equals, becomes "::".
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    i = end === i ? i + 1 : end;
  }
  const hex = groups.map((g) => g.toString(16));
  return start < 0 ? hex.join(':') : `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

export function formatSockaddr(ip: string, port: number): Uint8Array {
  const address = parseIpBytes(ip)!;
  const bytes = new Uint8Array(address.length === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address, address.length === 4 ? 4 : 8);
  return bytes;
}

function set(lib: LibC, fd: number, level: number, name: number, value: number | string, what: string): void {
  const bytes = typeof value === 'number' ? new Uint8Array(new Int32Array([value]).buffer) : Buffer.from(value, 'latin1');
  if (lib.setsockopt(fd, level, name, bytes, bytes.length) === 0) return;
  const code = lib.lastError();
  throw new SocketOptionError(`cannot set ${what}: ${code}${code === 'EPERM' ? ' (it needs the capability CAP_NET_ADMIN)' : ''}`, code);
}

class KernelPreparedSockets implements PreparedSockets {
  open(ip: string, port: number, options: PreboundOptions): number {
    const lib = loadLibC();
    const v6 = ip.indexOf(':') >= 0;
    const fd = lib.socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw new SocketOptionError(`cannot make a socket: ${lib.lastError()}`, lib.lastError());
    try {
      set(lib, fd, SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR');
      if (options.reusePort) set(lib, fd, SOL_SOCKET, SO_REUSEPORT, 1, 'SO_REUSEPORT');
      if (v6) set(lib, fd, SOL_IPV6, IPV6_V6ONLY, options.ipv6Only ? 1 : 0, 'IPV6_V6ONLY');
      const level = v6 ? SOL_IPV6 : SOL_IP;
      if (options.transparent) set(lib, fd, level, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1, 'IP_TRANSPARENT ("transparent")');
      if (options.freebind) set(lib, fd, level, v6 ? IPV6_FREEBIND : IP_FREEBIND, 1, 'IP_FREEBIND ("freebind")');
      this.apply(fd, options.options, 'prebind');
      const address = formatSockaddr(ip, port);
      if (lib.bind(fd, address, address.length) !== 0) {
        const code = lib.lastError();
        throw new SocketOptionError(`cannot bind '${v6 ? `[${ip}]` : ip}:${port}': ${code}`, code);
      }
      this.apply(fd, options.options, 'bound');
      if (options.fastOpenQueueLength > 0) set(lib, fd, SOL_TCP, TCP_FASTOPEN, options.fastOpenQueueLength, 'TCP_FASTOPEN');
    } catch (error) {
      lib.close(fd);
      throw error;
    }
    return fd;
  }

  apply(fd: number, options: readonly SocketOption[], state: SocketOption['state']): void {
    const wanted = options.filter((o) => o.state === state);
    if (wanted.length === 0) return;
    const lib = loadLibC();
    for (const o of wanted) set(lib, fd, o.level, o.name, o.value, `socket option ${o.level}/${o.name}`);
  }
}

/**
 * A socket to connect that comes from `ip`, be it this machine's address or not. Needs CAP_NET_ADMIN. @param mark SO_MARK; 0 = none
 * @returns its descriptor, which belongs to the caller @throws SocketOptionError
 */
export function openFrom(ip: string, mark: number): number {
  // The port is chosen when it is known where to: as many connections as there are ports to each destination.
  const options: SocketOption[] = [{ level: SOL_IP, name: IP_BIND_ADDRESS_NO_PORT, value: 1, state: 'prebind' }];
  if (mark !== 0) options.push({ level: SOL_SOCKET, name: SO_MARK, value: mark, state: 'prebind' });
  const rest = { transparent: true, freebind: false, reusePort: false, ipv6Only: false, fastOpenQueueLength: 0 };
  return kernelPreparedSockets().open(ip, 0, { ...rest, options });
}

export function kernelPreparedSockets(): PreparedSockets {
  return new KernelPreparedSockets();
}
