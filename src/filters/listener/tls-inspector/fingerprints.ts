/** What a ClientHello tells of the program that made it: JA3 and JA4. Source: Envoy's tls_inspector, github.com/FoxIO-LLC/ja4. */
import type { TlsFingerprints } from '../../../http/stream-info.ts';
import { nodeModule } from '../../../runtime/node-module.ts';
import { type Reader, Truncated } from './client-hello.ts';

const SERVER_NAME = 0;
const GROUPS = 10;
const POINT_FORMATS = 11;
const SIGNATURE_ALGORITHMS = 13;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;

/** Values that clients send to keep servers tolerant (RFC 8701). */
const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);

interface Parts {
  version: number;
  readonly ciphers: number[];
  readonly extensions: number[];
  groups: number[];
  pointFormats: number[];
  signatureAlgorithms: number[];
  versions: number[];
  /** Of the first application protocol; '' = none. */
  protocol: string;
}

/** @param hello the message, without its header, that has been found to be whole @param ja3 @param ja4 which are wanted */
export function fingerprints(hello: Reader, ja3: boolean, ja4: boolean): TlsFingerprints {
  const parts = read(hello);
  return { ja3: ja3 ? hash('md5', ja3Text(parts)) : '', ja4: ja4 ? ja4Text(parts) : '' };
}

function read(hello: Reader): Parts {
  const version = hello.uint(2);
  hello.take(32);
  hello.vector(1);
  const ciphers = values(hello.vector(2), 2);
  hello.vector(1);
  const parts: Parts = {
    ...{ version, ciphers, extensions: [], groups: [], pointFormats: [], signatureAlgorithms: [], versions: [], protocol: '' },
  };
  if (hello.done) return parts;
  const extensions = hello.vector(2);
  while (!extensions.done) {
    const type = extensions.uint(2);
    const body = extensions.vector(2);
    if (isGrease(type)) continue;
    parts.extensions.push(type);
    try {
      readExtension(type, body, parts);
    } catch (error) {
      // Whoever ends TLS will refuse it; here it is as if it said nothing.
      if (!(error instanceof Truncated)) throw error;
    }
  }
  return parts;
}

function readExtension(type: number, body: Reader, parts: Parts): void {
  if (type === GROUPS) parts.groups = values(body.vector(2), 2);
  else if (type === POINT_FORMATS) parts.pointFormats = values(body.vector(1), 1);
  else if (type === SIGNATURE_ALGORITHMS) parts.signatureAlgorithms = values(body.vector(2), 2);
  else if (type === SUPPORTED_VERSIONS) parts.versions = values(body.vector(1), 2);
  else if (type === ALPN) parts.protocol = body.vector(2).text(1);
}

/** What is left at the end and is too short for a value is passed over. */
function values(list: Reader, size: 1 | 2): number[] {
  const all: number[] = [];
  while (list.left >= size) {
    const value = list.uint(size);
    if (size === 1 || !isGrease(value)) all.push(value);
  }
  return all;
}

function ja3Text({ version, ciphers, extensions, groups, pointFormats }: Parts): string {
  return [version, ciphers.join('-'), extensions.join('-'), groups.join('-'), pointFormats.join('-')].join();
}

const VERSIONS: Readonly<Record<number, string>> = {
  ...{ 772: '13', 771: '12', 770: '11', 769: '10', 768: 's3' },
};

function ja4Text(parts: Parts): string {
  const { ciphers, extensions, signatureAlgorithms } = parts;
  const version = VERSIONS[parts.versions.length === 0 ? parts.version : Math.max(...parts.versions)] ?? '00';
  const name = extensions.includes(SERVER_NAME) ? 'd' : 'i';
  const others = extensions.filter((type) => type !== SERVER_NAME && type !== ALPN);
  const algorithms = signatureAlgorithms.length === 0 ? '' : `_${signatureAlgorithms.map(hex).join()}`;
  const second = ciphers.length === 0 ? NOTHING : short(sorted(ciphers));
  const third = others.length === 0 && algorithms === '' ? NOTHING : short(sorted(others) + algorithms);
  return `t${version}${name}${twoDigits(ciphers.length)}${twoDigits(extensions.length)}${ends(parts.protocol)}_${second}_${third}`;
}

const NOTHING = '0'.repeat(12);
const hex = (value: number): string => value.toString(16).padStart(4, '0');
const sorted = (all: readonly number[]): string => all.map(hex).sort().join();
const short = (text: string): string => hash('sha256', text).slice(0, 12);
const twoDigits = (count: number): string => String(Math.min(count, 99)).padStart(2, '0');

/** First and last character of a protocol's name. */
function ends(protocol: string): string {
  return protocol === '' ? '00' : protocol[0]! + protocol[protocol.length - 1]!;
}

function hash(algorithm: string, text: string): string {
  return nodeModule<typeof import('node:crypto')>('node:crypto').createHash(algorithm).update(text).digest('hex');
}
