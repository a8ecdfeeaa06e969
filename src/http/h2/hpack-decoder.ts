/**
 * Header blocks to fields. Names come out interned, so that whoever reads them compares pointers. A block is always decoded to its end,
 * since the peer's table moves with it; fields past the limits are dropped and only noted. Source: RFC 7541.
 */
import { FIELD_VALUE, TOKEN } from '../h1/char-table.ts';
import { type FieldName, fieldName, HASH_START, hashStep } from '../h1/field-names.ts';
import { DynamicTable } from './dynamic-table.ts';
import { decodedBound, huffmanDecode } from './huffman.ts';
import { STATIC_COUNT, STATIC_NAMES, STATIC_VALUES } from './static-table.ts';

const COLON = 0x3a;
const BAD = -1;

function intern(name: string): FieldName {
  const bytes = Buffer.from(name, 'latin1');
  let hash = HASH_START;
  for (const byte of bytes) hash = hashStep(hash, byte);
  return fieldName(bytes, 0, bytes.length, hash);
}

const STATIC_FIELDS: readonly FieldName[] = STATIC_NAMES.map(intern);

/** Shared by all connections: a string is decoded and used up before the next. */
let scratch: Buffer = Buffer.allocUnsafeSlow(4096);

export class HpackDecoder {
  /** Fields of the block decoded last, `count` of them; the rest of the arrays is old. */
  readonly fields: FieldName[];
  readonly values: string[];
  count: number;
  /** Lengths of all names and values, those past the limits too. */
  size: number;
  /** More fields, or more bytes of them, than allowed: what was over is not in the list. */
  overflow: boolean;
  /** A name or a value holds what no field may hold (RFC 9113 §8.2.1), for one an upper-case letter. */
  malformed: boolean;
  readonly #table: DynamicTable<FieldName>;
  /** Largest capacity that the peer may set: what our SETTINGS said. */
  readonly #maxCapacity: number;
  #pos: number;
  #end: number;
  #bytes: Buffer;

  constructor(tableSize: number) {
    this.fields = [];
    this.values = [];
    this.count = 0;
    this.size = 0;
    this.overflow = false;
    this.malformed = false;
    this.#maxCapacity = tableSize;
    // RFC 7541 §4.2: 4096 until SETTINGS are acknowledged, which can only lower what the peer uses.
    this.#table = new DynamicTable<FieldName>(Math.max(tableSize, 4096));
    this.#pos = 0;
    this.#end = 0;
    this.#bytes = scratch;
  }

  /**
   * Decodes one whole header block.
   * @param maxSize of names and values together @param maxCount of fields
   * @returns false if the block is broken: the connection cannot go on (COMPRESSION_ERROR)
   */
  decode(bytes: Buffer, start: number, end: number, maxSize: number, maxCount: number): boolean {
    this.count = 0;
    this.size = 0;
    this.overflow = false;
    this.malformed = false;
    this.#bytes = bytes;
    this.#pos = start;
    this.#end = end;
    let fieldSeen = false;
    while (this.#pos < end) {
      const first = bytes[this.#pos]!;
      if ((first & 0xe0) === 0x20) {
        // RFC 7541 §4.2: size updates come before the first field.
        const capacity = this.#integer(0x1f);
        if (fieldSeen || capacity < 0 || capacity > Math.max(this.#maxCapacity, 4096)) return false;
        this.#table.resize(capacity);
        continue;
      }
      fieldSeen = true;
      if ((first & 0x80) !== 0) {
        const index = this.#integer(0x7f);
        if (index <= 0 || index > STATIC_COUNT + this.#table.count) return false;
        if (index <= STATIC_COUNT) this.#push(STATIC_FIELDS[index - 1]!, STATIC_VALUES[index - 1]!, maxSize, maxCount);
        else {
          const age = index - STATIC_COUNT - 1;
          this.#push(this.#table.name(age), this.#table.value(age), maxSize, maxCount);
        }
      } else if (!this.#literal((first & 0x40) !== 0, maxSize, maxCount)) return false;
    }
    this.#bytes = scratch;
    return true;
  }

  #literal(indexing: boolean, maxSize: number, maxCount: number): boolean {
    const index = this.#integer(indexing ? 0x3f : 0x0f);
    if (index < 0 || index > STATIC_COUNT + this.#table.count) return false;
    let field: FieldName | null;
    if (index === 0) field = this.#name();
    else field = index <= STATIC_COUNT ? STATIC_FIELDS[index - 1]! : this.#table.name(index - STATIC_COUNT - 1);
    if (field === null) return false;
    const value = this.#value(indexing || !this.overflow);
    if (value === null) return false;
    if (indexing) this.#table.add(field, field.name.length, value);
    this.#push(field, value, maxSize, maxCount);
    return true;
  }

  #push(field: FieldName, value: string, maxSize: number, maxCount: number): void {
    this.size += field.name.length + value.length;
    if (this.size > maxSize || this.count >= maxCount) {
      this.overflow = true;
      return;
    }
    // A name with an upper-case letter is spelled otherwise than it is called.
    if (field.raw !== field.name) this.malformed = true;
    this.fields[this.count] = field;
    this.values[this.count++] = value;
  }

  /** @param prefix mask of the bits in the first byte @returns BAD if it is cut off or absurdly large */
  #integer(prefix: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let value = bytes[this.#pos++]! & prefix;
    if (value < prefix) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#pos >= end) return BAD;
      const byte = bytes[this.#pos++]!;
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    return BAD;
  }

  /** null = the block is broken. */
  #name(): FieldName | null {
    if (this.#pos >= this.#end) return null;
    const huffman = (this.#bytes[this.#pos]! & 0x80) !== 0;
    const length = this.#integer(0x7f);
    if (length < 0 || length > this.#end - this.#pos) return null;
    let bytes = this.#bytes;
    let start = this.#pos;
    let end = start + length;
    this.#pos = end;
    if (huffman) {
      end = this.#huffman(start, end);
      if (end < 0) return null;
      start = 0;
      bytes = scratch;
    }
    let hash = HASH_START;
    let bad = start === end ? 1 : 0;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      hash = hashStep(hash, byte);
      bad |= TOKEN[byte]! ^ 1;
    }
    if (bad !== 0 && !isPseudo(bytes, start, end)) {
      this.malformed = true;
      return BAD_NAME;
    }
    return fieldName(bytes, start, end, hash);
  }

  /** @param wanted false: only skipped over @returns null = the block is broken */
  #value(wanted: boolean): string | null {
    if (this.#pos >= this.#end) return null;
    const huffman = (this.#bytes[this.#pos]! & 0x80) !== 0;
    const length = this.#integer(0x7f);
    if (length < 0 || length > this.#end - this.#pos) return null;
    let bytes = this.#bytes;
    let start = this.#pos;
    let end = start + length;
    this.#pos = end;
    if (!wanted) {
      this.size += length;
      return '';
    }
    if (huffman) {
      end = this.#huffman(start, end);
      if (end < 0) return null;
      start = 0;
      bytes = scratch;
    }
    let good = 1;
    for (let i = start; i < end; i++) good &= FIELD_VALUE[bytes[i]!]!;
    if (good === 0) this.malformed = true;
    // RFC 9113 §8.2.1: no blank at either end; Envoy trims them.
    while (start < end && isBlank(bytes[start]!)) start++;
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    return bytes.latin1Slice(start, end);
  }

  /** Into `scratch`. @returns the length, or BAD */
  #huffman(start: number, end: number): number {
    const bound = decodedBound(end - start);
    if (bound > scratch.length) scratch = Buffer.allocUnsafeSlow(bound * 2);
    return huffmanDecode(this.#bytes, start, end, scratch);
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function isPseudo(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== COLON || end - start < 2) return false;
  for (let i = start + 1; i < end; i++) if (TOKEN[bytes[i]!] === 0) return false;
  return true;
}

/** Stands for any name that cannot be one: spelled in upper case, it is malformed wherever the table repeats it. */
const BAD_NAME = intern('Malformed');
