/**
 * Fields to header blocks. A value goes into the dynamic table when it comes a second time in a row, so that paths, ids and dates never
 * push out what repeats; credentials are marked never to be indexed, by any hop. Source: RFC 7541, RFC 7541 §7.1.3 for the latter.
 */
import { DynamicTable } from './dynamic-table.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import { ENTRY_OVERHEAD, STATIC_COUNT, STATIC_NAMES, STATIC_VALUES, staticIndex } from './static-table.ts';

/** Names that a connection remembers; further ones are written literally. */
const MAX_NAMES = 256;
/** Longer values are not worth a place in the table. */
const MAX_INDEXED = 512;

const SENSITIVE: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);
/** Values that seldom come twice: literal, as nghttp2 writes them. */
const VOLATILE: ReadonlySet<string> = new Set([
  ':path',
  'age',
  'content-length',
  'etag',
  'if-modified-since',
  'if-none-match',
  'location',
  'x-request-id',
]);
/** Connection-specific fields, which HTTP/2 does not have (RFC 9113 §8.2.2). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
/** The values that the static table has with a name: value → index. */
const STATIC_PAIRS: ReadonlyMap<string, ReadonlyMap<string, number>> = staticPairs();

const Kind = { Plain: 0, Sensitive: 1, Forbidden: 2, Te: 3, Volatile: 4 } as const;
type Kind = (typeof Kind)[keyof typeof Kind];

/** What a connection knows of a name. */
class NameState {
  readonly name: string;
  readonly kind: Kind;
  readonly staticIndex: number;
  readonly staticValues: ReadonlyMap<string, number> | null;
  /** Number of the entry added last with this name; 0 = none. */
  entry: number;
  last: string;

  constructor(name: string) {
    this.name = name;
    this.kind = kindOf(name);
    this.staticIndex = staticIndex(name);
    this.staticValues = STATIC_PAIRS.get(name) ?? null;
    this.entry = 0;
    this.last = '';
  }
}

/** One for all connections: a block is written out before the next is encoded. */
let out: Buffer = Buffer.allocUnsafeSlow(16 * 1024);

export class HpackEncoder {
  /** Bytes of the block in `block`. */
  length: number;
  readonly #table: DynamicTable<NameState>;
  readonly #names: Map<string, NameState>;
  /** Capacities to announce with the next block, -1 = none: the lowest since the last one, and the present one. */
  #lowest: number;
  #announce: number;

  constructor() {
    this.length = 0;
    this.#table = new DynamicTable<NameState>(4096);
    this.#names = new Map();
    this.#lowest = -1;
    this.#announce = -1;
  }

  /** Valid until the next block is begun, by any connection. */
  get block(): Buffer {
    return out;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; we never use more than `bound`. */
  setCapacity(size: number, bound: number): void {
    const capacity = Math.min(size, bound);
    if (capacity === this.#table.capacity && this.#announce < 0) return;
    this.#lowest = this.#lowest < 0 ? capacity : Math.min(this.#lowest, capacity);
    this.#announce = capacity;
    this.#table.resize(capacity);
  }

  begin(): void {
    this.length = 0;
    if (this.#announce < 0) return;
    if (this.#lowest < this.#announce) this.#integer(0x20, 0x1f, this.#lowest);
    this.#integer(0x20, 0x1f, this.#announce);
    this.#lowest = -1;
    this.#announce = -1;
  }

  /** @param name lower case, or a pseudo header */
  field(name: string, value: string): void {
    let state = this.#names.get(name);
    if (state === undefined) {
      state = new NameState(name);
      if (this.#names.size < MAX_NAMES) this.#names.set(name, state);
    }
    const kind = state.kind;
    if (kind === Kind.Forbidden || (kind === Kind.Te && value !== 'trailers')) return;
    if (kind === Kind.Sensitive) {
      this.#literal(0x10, 0x0f, state, value);
      return;
    }
    if (state.staticValues !== null) {
      const index = state.staticValues.get(value);
      if (index !== undefined) {
        this.#integer(0x80, 0x7f, index);
        return;
      }
    }
    const table = this.#table;
    if (state.entry !== 0) {
      const age = table.added - state.entry;
      if (age >= table.count) state.entry = 0;
      else if (table.value(age) === value) {
        this.#integer(0x80, 0x7f, STATIC_COUNT + 1 + age);
        return;
      }
    }
    if (kind === Kind.Volatile) {
      this.#literal(0, 0x0f, state, value);
      return;
    }
    const length = value.length;
    if (length <= MAX_INDEXED && state.last === value && name.length + length + ENTRY_OVERHEAD <= table.capacity) {
      this.#literal(0x40, 0x3f, state, value);
      table.add(state, name.length, state.last);
      state.entry = table.added;
    } else {
      this.#literal(0, 0x0f, state, value);
      // A copy: a slice would keep the whole message head that it was cut from.
      if (length <= MAX_INDEXED && this.#names.size < MAX_NAMES) state.last = length < 13 ? value : copy(value);
    }
  }

  #literal(pattern: number, prefix: number, state: NameState, value: string): void {
    let index = state.staticIndex;
    if (index === 0 && state.entry !== 0) {
      const age = this.#table.added - state.entry;
      if (age < this.#table.count) index = STATIC_COUNT + 1 + age;
    }
    this.#integer(pattern, prefix, index);
    if (index === 0) this.#string(state.name);
    this.#string(value);
  }

  #integer(pattern: number, prefix: number, value: number): void {
    this.#reserve(6);
    if (value < prefix) {
      out[this.length++] = pattern | value;
      return;
    }
    out[this.length++] = pattern | prefix;
    let left = value - prefix;
    while (left >= 128) {
      out[this.length++] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    out[this.length++] = left;
  }

  #string(text: string): void {
    const length = text.length;
    const packed = length === 0 ? 0 : huffmanLength(text);
    if (packed < length) {
      this.#integer(0x80, 0x7f, packed);
      this.#reserve(packed);
      this.length = huffmanEncode(text, out, this.length);
    } else {
      this.#integer(0, 0x7f, length);
      this.#reserve(length);
      out.latin1Write(text, this.length, length);
      this.length += length;
    }
  }

  #reserve(bytes: number): void {
    if (out.length - this.length >= bytes) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(out.length * 2, this.length + bytes));
    out.copy(larger, 0, 0, this.length);
    out = larger;
  }
}

function kindOf(name: string): Kind {
  if (SENSITIVE.has(name)) return Kind.Sensitive;
  if (FORBIDDEN.has(name)) return Kind.Forbidden;
  // RFC 9113 §8.2.2: "trailers" is the only value that HTTP/2 allows.
  if (name === 'te') return Kind.Te;
  return VOLATILE.has(name) ? Kind.Volatile : Kind.Plain;
}

function copy(value: string): string {
  return Buffer.from(value, 'latin1').latin1Slice();
}

function staticPairs(): Map<string, Map<string, number>> {
  const pairs = new Map<string, Map<string, number>>();
  STATIC_NAMES.forEach((name, i) => {
    const value = STATIC_VALUES[i]!;
    if (value === '') return;
    const values = pairs.get(name) ?? new Map<string, number>();
    values.set(value, i + 1);
    pairs.set(name, values);
  });
  return pairs;
}
