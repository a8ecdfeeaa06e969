/**
 * Interned header names: spelling on the wire → lower-case name, made once and then shared by all requests, so that comparing
 * names is comparing pointers. Bounded: a peer that invents names cannot make it grow.
 */
import { SINGLE_IN_REQUESTS, SINGLE_IN_RESPONSES } from '../header-map.ts';

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
  readonly name: string;
  readonly kind: FieldKind;
  /** Number that marks the name as seen, if it holds one value (a further line is appended with ','); -1 for others. */
  readonly singleInRequests: number;
  readonly singleInResponses: number;
  readonly hasUnderscore: boolean;

  constructor(raw: string, name: string) {
    const single = SINGLE.indexOf(name);
    this.raw = raw;
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

const MAX_ENTRIES = 2048;
const MAX_CACHED_LENGTH = 64;

let entries = new Map<string, FieldName>();

/** V8 keeps property names unique, so that equality with a literal of the program is a comparison of pointers. */
function internalize(text: string): string {
  return Object.keys({ [text]: 0 })[0]!;
}

function make(raw: string): FieldName {
  const name = internalize(raw.toLowerCase());
  return new FieldName(raw, name);
}

function properCase(name: string): string {
  return name.replace(/(^|[^a-z0-9])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}

function seed(): void {
  entries = new Map();
  for (const name of [...SINGLE, ...COMMON]) {
    entries.set(name, make(name));
    entries.set(properCase(name), make(properCase(name)));
  }
}
seed();

/** @param raw a valid field name, as spelled on the wire; it may be a slice of a larger string (it is copied before it is kept) */
export function fieldName(raw: string): FieldName {
  const known = entries.get(raw);
  if (known !== undefined) return known;
  if (raw.length > MAX_CACHED_LENGTH) return make(raw);
  if (entries.size >= MAX_ENTRIES) seed();
  const entry = make(internalize(raw));
  entries.set(entry.raw, entry);
  return entry;
}
