/**
 * Writes protobuf messages of a few kinds of fields; schemas and a library would cost a worker megabytes. One growing buffer: messages within
 * messages are written in place, and their length is put before them when they end.
 */

/** Wire text as the bytes of a protobuf string, which must be UTF-8: each byte that is not becomes '!', as in Envoy. */
export function utf8(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i);
    if (length === 0) bytes[i] = 0x21;
    i += Math.max(1, length);
  }
  return bytes;
}

/** Bytes of the character at `at` (RFC 3629); 0 = there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i];
    if (next === undefined || (next & 0xc0) !== 0x80) return 0;
  }
  const second = bytes[at + 1] ?? 0;
  // Too long a form, a surrogate, or beyond the last character.
  const wrong =
    (first === 0xe0 && second < 0xa0) ||
    (first === 0xed && second > 0x9f) ||
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f);
  return wrong ? 0 : length;
}

const FIRST_BYTES = 256;
const NOT_ASCII = /[\u0080-\u00ff]/;

export class ProtobufWriter {
  #bytes: Buffer;
  #used: number;

  constructor(bytes = FIRST_BYTES) {
    this.#bytes = Buffer.allocUnsafe(bytes);
    this.#used = 0;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#used;
  }

  /** @param value a safe integer that is not negative */
  varint(field: number, value: number): this {
    this.#grow(20);
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  /** @param value of 64 bits */
  varintBig(field: number, value: bigint): this {
    this.#grow(20);
    this.#varint(field * 8);
    this.#varintBig(value);
    return this;
  }

  /** int32 and int64, which may be negative; whole numbers only. */
  signed(field: number, value: number): this {
    if (value >= 0) return this.varint(field, value);
    this.#grow(20);
    this.#varint(field * 8);
    this.#varintBig(BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#grow(20 + value.length);
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#bytes.set(value, this.#used);
    this.#used += value.length;
    return this;
  }

  /** @param value wire text */
  text(field: number, value: string): this {
    if (NOT_ASCII.test(value)) return this.bytes(field, utf8(value));
    this.#grow(20 + value.length);
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#used += this.#bytes.latin1Write(value, this.#used, value.length);
    return this;
  }

  /** Fields that have been encoded already. */
  raw(fields: Uint8Array): this {
    this.#grow(fields.length);
    this.#bytes.set(fields, this.#used);
    this.#used += fields.length;
    return this;
  }

  message(field: number, value: ProtobufWriter): this {
    return this.bytes(field, value.#bytes.subarray(0, value.#used));
  }

  /** Begins a message within this one; give the result to `end`. */
  begin(field: number): number {
    this.#grow(20);
    this.#varint(field * 8 + 2);
    // Most are shorter than 128 bytes; the others are moved when their length is known.
    return ++this.#used;
  }

  end(start: number): this {
    const length = this.#used - start;
    if (length >= 128) {
      const more = varintBytes(length) - 1;
      this.#grow(more);
      this.#bytes.copyWithin(start + more, start, this.#used);
      this.#used = start - 1;
      this.#varint(length);
      this.#used += length;
    } else this.#bytes[start - 1] = length;
    return this;
  }

  /** Takes back a message that has turned out to be empty. True if it was. @param before `length` before `begin` */
  endOrDrop(start: number, before: number): boolean {
    if (this.#used > start) {
      this.end(start);
      return false;
    }
    this.#used = before;
    return true;
  }

  fixed64(field: number, value: bigint): this {
    this.#grow(20);
    this.#varint(field * 8 + 1);
    this.#used = this.#bytes.writeBigUInt64LE(value, this.#used);
    return this;
  }

  double(field: number, value: number): this {
    this.#grow(20);
    this.#varint(field * 8 + 1);
    this.#used = this.#bytes.writeDoubleLE(value, this.#used);
    return this;
  }

  fixed32(field: number, value: number): this {
    this.#grow(20);
    this.#varint(field * 8 + 5);
    this.#used = this.#bytes.writeUInt32LE(value, this.#used);
    return this;
  }

  /** A number without a field: the length of a message that follows, where messages are written one after the other. */
  bare(value: number): this {
    this.#grow(10);
    this.#varint(value);
    return this;
  }

  /** What has been written. The writer is not to be used again without `clear`, which lets the next message overwrite it. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#used);
  }

  clear(): void {
    this.#used = 0;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x8000_0000) {
      this.#bytes[this.#used++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      this.#bytes[this.#used++] = (rest & 127) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#used++] = rest;
  }

  #varintBig(value: bigint): void {
    let rest = value;
    for (; rest >= 128n; rest >>= 7n) this.#bytes[this.#used++] = Number(rest & 127n) | 0x80;
    this.#bytes[this.#used++] = Number(rest);
  }

  #grow(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
