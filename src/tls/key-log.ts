/** Secrets of connections for packet analysers, in NSS's format (SSLKEYLOGFILE). Whoever reads the file reads the connections. Source: TlsKeyLog. */
import type { TLSSocket } from 'node:tls';
import { AddressRanges } from '../http/address-ranges.ts';
import type { Connection } from '../net/connection.ts';
import { fs } from '../runtime/node-module.ts';
import type { KeyLogSettings } from './settings.ts';

/** Open for good, one for all contexts of a thread that name the same file; -1 = it cannot be opened. */
const open = new Map<string, number>();

function fileOf(path: string): number {
  let fd = open.get(path);
  if (fd === undefined) {
    try {
      fd = fs.openSync(path, 'a', 0o600);
    } catch {
      fd = -1;
    }
    open.set(path, fd);
  }
  return fd;
}

export class KeyLog {
  readonly #path: string;
  /** null = any. */
  readonly #local: AddressRanges | null;
  readonly #remote: AddressRanges | null;

  constructor({ path, localRanges, remoteRanges }: KeyLogSettings) {
    this.#path = path;
    this.#local = localRanges.length === 0 ? null : new AddressRanges(localRanges);
    this.#remote = remoteRanges.length === 0 ? null : new AddressRanges(remoteRanges);
  }

  /** Writes what the socket will tell, if the connection is between addresses that are meant. */
  follow(connection: Connection, socket: TLSSocket): void {
    if (this.#local?.contains(connection.localAddress) === false) return;
    if (this.#remote?.contains(connection.remoteAddress) === false) return;
    const fd = fileOf(this.#path);
    if (fd >= 0) socket.on('keylog', (line: Buffer) => write(fd, line));
  }
}

/** At once, so that whoever looks at packets as they come can read them; connections that are looked at like this are few. */
function write(fd: number, line: Buffer): void {
  try {
    fs.writeSync(fd, line);
  } catch {
    // A disk that is full is no reason to end a connection.
  }
}
