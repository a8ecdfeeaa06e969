/**
 * Interned header names: spelling on the wire → lower-case name, made once and then shared by all requests, so that comparing
 * names is comparing pointers. Bounded: a peer that invents names cannot make it grow.
 */
import { SINGLE_LINE } from '../header-map.ts';

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

export class FieldName {
  readonly raw: string;
  readonly name: string;
  readonly kind: FieldKind;
  /** Number of the bit of a header that holds one value only (a further line is appended with ','): -1 for others. */
  readonly single: number;
  readonly hasUnderscore: boolean;

  constructor(raw: string, name: string, kind: FieldKind, single: number) {
    this.raw = raw;
    this.name = name;
    this.kind = kind;
    this.single = single;
    this.hasUnderscore = name.indexOf('_') >= 0;
  }
}

/** The order gives each header that holds one value its bit. The first five are those of `FieldKind`. */
const SINGLE_VALUE: readonly string[] = [
  ...new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', ...SINGLE_LINE]),
];

const COMMON: readonly string[] = [
  'accept-language',
  'cookie',
  'date',
  'server',
  'set-cookie',
  'etag',
  'last-modified',
  'location',
  'vary',
  'x-envoy-upstream-service-time',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'traceparent',
  'tracestate',
  'x-envoy-attempt-count',
  'dnt',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-dest',
  'upgrade-insecure-requests',
  'x-powered-by',
  'trailer',
  'content-disposition',
  'expires',
  'age',
];

const MAX_ENTRIES = 2048;
const MAX_CACHED_LENGTH = 64;

let entries = new Map<string, FieldName>();

/** V8 keeps property names unique, so that equality with a literal of the program is a comparison of pointers. */
function internalize(text: string): string {
  return Object.keys({ [text]: 0 })[0]!;
}

function make(raw: string): FieldName {
  const name = internalize(raw.toLowerCase());
  const single = SINGLE_VALUE.indexOf(name);
  const kind = single >= 0 && single < 5 ? ((single + 1) as FieldKind) : FieldKind.Other;
  return new FieldName(raw, name, kind, single);
}

function properCase(name: string): string {
  return name.replace(/(^|[^a-z0-9])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}

function seed(): void {
  entries = new Map();
  for (const name of [...SINGLE_VALUE, ...COMMON]) {
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
