/**
 * Lines of a long answer as bytes, put together in one buffer that is used again and again: as strings, 34 MB of statistics would be joined, encoded, and
 * collected as garbage, which together is most of the work (docs/decisions/005-statistics-exposition.md).
 */
import { integer } from './integer.ts';

const BYTES = 131_072;
/** Bytes of any number, written out. */
export const NUMBER_ROOM = 32;
/** UTF-8 of one character of a string. */
const MOST_BYTES = 3;
const [ZERO, NEWLINE] = [0x30, 0x0a];

export class LineBuffer {
  #bytes: Buffer;
  #at: number;
  #full: boolean;

  constructor() {
    this.#bytes = Buffer.allocUnsafeSlow(BYTES);
    this.#at = 0;
    this.#full = false;
  }

  /** Something did not fit: `take` what there is. */
  get full(): boolean {
    return this.#full;
  }

  /** Whether so many bytes more find room; an empty one makes room for anything. */
  fits(bytes: number): boolean {
    if (this.#at + bytes <= this.#bytes.length) return true;
    this.#full = this.#at > 0;
    if (!this.#full) this.#bytes = Buffer.allocUnsafeSlow(bytes);
    return !this.#full;
  }

  /** Room is the caller's business, here and below. */
  add(part: Uint8Array): void {
    this.#bytes.set(part, this.#at);
    this.#at += part.length;
  }

  /** Takes up to three bytes of room a character. */
  text(text: string): void {
    this.#at += this.#bytes.write(text, this.#at);
  }

  /** As `integer` writes it. */
  integer(value: number): void {
    let rest = value | 0;
    if (rest !== value || rest < 0) {
      this.text(integer(value));
      return;
    }
    const bytes = this.#bytes;
    let digits = 1;
    for (let bound = 10; rest >= bound && digits < 10; bound *= 10) digits++;
    this.#at += digits;
    for (let i = this.#at - 1; digits > 0; i--, digits--) {
      const tens = (rest / 10) | 0;
      bytes[i] = ZERO + rest - tens * 10;
      rest = tens;
    }
  }

  byte(code: number): void {
    this.#bytes[this.#at++] = code;
  }

  newline(): void {
    this.#bytes[this.#at++] = NEWLINE;
  }

  /** What has been put together; to be used before anything is added. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    this.#full = false;
    return taken;
  }
}

/** @returns room that a text needs at most */
export function textRoom(text: string): number {
  return text.length * MOST_BYTES;
}
