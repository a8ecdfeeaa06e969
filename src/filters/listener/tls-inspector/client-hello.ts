/** Reads server name and application protocols out of a TLS ClientHello (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301 §3.1) that may not be complete yet. */

export interface ClientHello {
  /** Lower case; '' = none. */
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
  /** All of it, without the header of the handshake message. */
  readonly message: Buffer;
}

export type Inspection = ClientHello | 'more' | 'not-tls' | 'malformed';

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const MAX_RECORD = 16384;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;

/** @param bytes the connection's first bytes */
export function inspectClientHello(bytes: Buffer): Inspection {
  if (bytes.length > 0 && bytes[0] !== HANDSHAKE) return 'not-tls';
  if (bytes.length > 1 && bytes[1] !== 3) return 'not-tls';
  if (bytes.length < RECORD_HEADER) return 'more';
  const message = handshakeBytes(bytes);
  if (message === null) return 'malformed';
  if (message.length > 0 && message[0] !== CLIENT_HELLO) return 'malformed';
  if (message.length < 4) return 'more';
  const length = message.readUIntBE(1, 3);
  if (message.length < 4 + length) return 'more';
  try {
    return parseClientHello(message.subarray(4, 4 + length));
  } catch (error) {
    if (error instanceof Truncated) return 'malformed';
    throw error;
  }
}

/** The handshake message so far: it may be cut over several records. Null if the records are no handshake records. */
function handshakeBytes(bytes: Buffer): Buffer | null {
  const parts: Buffer[] = [];
  for (let at = 0; at + RECORD_HEADER <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at] !== HANDSHAKE || length === 0 || length > MAX_RECORD) return parts.length > 0 ? Buffer.concat(parts) : null;
    parts.push(bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length));
    at += RECORD_HEADER + length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/**
 * Bytes that an inspection looks at: records up to the end of the ClientHello, or as far as it takes to see that there is none.
 * @param bytes the connection's first ones
 */
export function inspectedBytes(bytes: Buffer): number {
  let at = 0;
  let seen = 0;
  let wanted = 0;
  while (at + RECORD_HEADER <= bytes.length) {
    const length = bytes.readUInt16BE(at + 3);
    const start = at + RECORD_HEADER;
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3 || length === 0 || length > MAX_RECORD) return start;
    if (seen === 0 && bytes[start] === CLIENT_HELLO && start + 4 <= bytes.length) wanted = 4 + bytes.readUIntBE(start + 1, 3);
    seen += length;
    at = start + length;
    if (seen >= wanted) break;
  }
  return Math.min(Math.max(at, RECORD_HEADER), bytes.length);
}

/** A vector that ends before what it should hold. */
export class Truncated extends Error {}

/** Reads the vectors of TLS (RFC 8446 §3). */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Bytes. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  uint(size: 1 | 2): number {
    const part = this.take(size);
    return size === 1 ? part[0]! : part.readUInt16BE(0);
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new Truncated();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A vector with its length in front. */
  vector(lengthSize: 1 | 2): Reader {
    return new Reader(this.take(this.uint(lengthSize)));
  }

  text(lengthSize: 1 | 2): string {
    const part = this.take(this.uint(lengthSize));
    return part.latin1Slice(0, part.length);
  }
}

function parseClientHello(message: Buffer): Inspection {
  const hello = new Reader(message);
  hello.take(2 + 32);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  let serverName = '';
  const applicationProtocols: string[] = [];
  if (hello.done) return { serverName, applicationProtocols, message };
  const extensions = hello.vector(2);
  while (!extensions.done) {
    const type = extensions.uint(2);
    const body = extensions.vector(2);
    if (type === EXTENSION_SERVER_NAME) {
      const names = body.vector(2);
      while (!names.done) {
        const isHostName = names.uint(1) === 0;
        const name = names.text(2);
        if (isHostName) serverName = name.toLowerCase();
      }
      if (serverName.length > 255 || serverName.indexOf('\0') >= 0) return 'malformed';
    } else if (type === EXTENSION_ALPN) {
      const list = body.vector(2);
      while (!list.done) applicationProtocols.push(list.text(1));
    }
  }
  return { serverName, applicationProtocols, message };
}
