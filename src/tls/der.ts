/** Elements of DER (X.690), one after the other. */

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;
export const ENUMERATED = 0x0a;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
export const CONTEXT_0 = 0xa0;
export const CONTEXT_3 = 0xa3;

export class Der {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  /** @param what it is, for errors */
  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  is(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  /** Of the next element; -1 = there is none. */
  get tag(): number {
    return this.#bytes[this.#at] ?? -1;
  }

  /** Contents of the next element. @param tag that it must have; -1 = any @throws Error if it has not, or does not end */
  next(tag: number): Buffer {
    const bytes = this.#bytes;
    if (this.#at + 2 > bytes.length || (tag >= 0 && bytes[this.#at] !== tag)) throw this.malformed();
    let length = bytes[this.#at + 1]!;
    let start = this.#at + 2;
    if (length >= 0x80) {
      const size = length & 0x7f;
      if (size === 0 || size > 4 || start + size > bytes.length) throw this.malformed();
      length = bytes.readUIntBE(start, size);
      start += size;
    }
    if (start + length > bytes.length) throw this.malformed();
    this.#at = start + length;
    return bytes.subarray(start, start + length);
  }

  /** The next element as a whole, with its tag and length. */
  whole(tag: number): Buffer {
    const from = this.#at;
    this.next(tag);
    return this.#bytes.subarray(from, this.#at);
  }

  sequence(): Der {
    return new Der(this.next(SEQUENCE), this.#what);
  }

  inside(tag: number): Der {
    return new Der(this.next(tag), this.#what);
  }

  malformed(): Error {
    return new Error(`${this.#what} is malformed`);
  }
}

/** @param bytes contents of an INTEGER @returns lower-case hexadecimal, as Certificate.serial has it */
export function serialOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(?:00)+(?=..)/, '');
}

/** @param text "20260102030405Z" (RFC 5280 §4.1.2.5.2), or "260102030405Z" (§4.1.2.5.1) @returns null = it is none */
export function timeOf(text: string): number | null {
  const digits = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (digits === null) return null;
  const [year, month, day, hour, minute, second] = digits.slice(1).map(Number) as [number, number, number, number, number, number];
  const century = digits[1]!.length === 4 ? 0 : year < 50 ? 2000 : 1900;
  return Date.UTC(century + year, month - 1, day, hour, minute, second);
}
