/**
 * Interned header names: spelling on the wire → lower-case name, made once and then shared by all requests, so that comparing
 * names is comparing pointers. Bounded: a peer that invents names cannot make it grow.
 */

import { SINGLE_IN_REQUESTS, SINGLE_IN_RESPONSES } from '../header-map.ts';
import { properCase } from './header-case.ts';

/** What the codec itself must know about a name. */
export const FieldKind = {
  Other: 0,
  Host: 1,
  ContentLength: 2,
  TransferEncoding: 3,
  Connection: 4,
  Upgrade: 5,
} as const;
export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind];

/** In the order of `FieldKind`. */
const KINDS: readonly string[] = ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade'];
const SINGLE: readonly string[] = [...new Set([...SINGLE_IN_REQUESTS, ...SINGLE_IN_RESPONSES])];
/** 32-bit words that hold a mark for each of them. */
export const SINGLE_WORDS = (SINGLE.length + 31) >> 5;

export class FieldName {
  readonly raw: string;
  /** Of `raw`. */
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly kind: FieldKind;
  /** Number that marks the name as seen, if it holds one value (a further line is appended with ','); -1 for others. */
  readonly singleInRequests: number;
  readonly singleInResponses: number;
  readonly hasUnderscore: boolean;

  constructor(raw: string, name: string) {
    const single = SINGLE.indexOf(name);
    this.raw = raw;
    this.bytes = Buffer.from(raw, 'latin1');
    this.name = name;
    this.kind = (KINDS.indexOf(name) + 1) as FieldKind;
    this.singleInRequests = SINGLE_IN_REQUESTS.has(name) ? single : -1;
    this.singleInResponses = SINGLE_IN_RESPONSES.has(name) ? single : -1;
    this.hasUnderscore = name.indexOf('_') >= 0;
  }
}

const COMMON: readonly string[] = (
  'accept-language cookie set-cookie x-b3-traceid x-b3-spanid x-b3-parentspanid x-b3-sampled b3 traceparent tracestate dnt sec-fetch-mode ' +
  'sec-fetch-site sec-fetch-dest upgrade-insecure-requests x-powered-by trailer content-disposition range www-authenticate grpc-encoding'
).split(' ');

/** Names known by spelling; started anew when full. */
const MAX_ENTRIES = 2048;
const MAX_CACHED_LENGTH = 64;
/** In front of them a table without collision lists, read by the hash that scanning has computed. */
const SLOTS = 4096;

let entries = new Map<string, FieldName>();
const slots: (FieldName | null)[] = new Array(SLOTS).fill(null);

/** V8 keeps property names unique, so that equality with a literal of the program is a comparison of pointers. */
function internalize(text: string): string {
  const holder: Record<string, number> = Object.create(null);
  holder[text] = 0;
  return Object.keys(holder)[0]!;
}

function make(raw: string): FieldName {
  return new FieldName(raw, internalize(raw.toLowerCase()));
}

function seed(): void {
  entries = new Map();
  for (const name of [...SINGLE, ...COMMON]) {
    entries.set(name, make(name));
    entries.set(properCase(name), make(properCase(name)));
  }
}
seed();

/** Start and step of the hash over a name's bytes. */
export const HASH_START = 5381;
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 33) ^ byte) | 0;
}

/**
 * @param bytes hold a valid field name from `start` to `end`
 * @param hash of those bytes
 */
export function fieldName(bytes: Buffer, start: number, end: number, hash: number): FieldName {
  const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
  const candidate = slots[slot]!;
  if (candidate !== null && isSpelled(candidate.bytes, bytes, start, end)) return candidate;
  const found = lookUp(bytes.latin1Slice(start, end));
  if (end - start <= MAX_CACHED_LENGTH) slots[slot] = found;
  return found;
}

function isSpelled(spelling: Uint8Array, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (spelling.length !== length) return false;
  for (let i = 0; i < length; i++) if (spelling[i] !== bytes[start + i]) return false;
  return true;
}

function lookUp(raw: string): FieldName {
  const known = entries.get(raw);
  if (known !== undefined) return known;
  const entry = make(raw);
  if (raw.length > MAX_CACHED_LENGTH) return entry;
  if (entries.size >= MAX_ENTRIES) seed();
  entries.set(raw, entry);
  return entry;
}
