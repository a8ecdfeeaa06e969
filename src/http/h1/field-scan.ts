/**
 * Finds the field lines of a message head or trailer section in one pass over its bytes, checking each byte on the way
 * (RFC 9112 §5). Positions go to a table that is used again and again; strings are sliced afterwards, once the section is known to
 * be whole and good.
 */
import type { CodecError } from '../codec.ts';
import { COLON, CONTROL, CR, FIELD_VALUE, LF, SPACE, TAB, TOKEN } from './char-table.ts';
import { HASH_START, hashStep } from './field-names.ts';

/** Results of a scan that found no end. */
export const INCOMPLETE = -1;
export const BAD_FIELD = -2;
/** A control character, wherever it stands. */
export const BAD_CHARACTER = -3;

/** Cells of the table a line. */
export const STRIDE = 5;

/** Where the lines of the section scanned last are. One is enough for a thread: it is read out before anything else is scanned. */
export class FieldTable {
  /** For each line: start and end of its name, start and end of its value, hash of its name; positions in the bytes given. */
  at: Int32Array;
  count: number;
  /** Some value holds CR or is folded over several lines, and must be cleaned. */
  messy: boolean;
  /** Some line ended with a bare LF. */
  bareLf: boolean;
  /** Why a head was refused. */
  error: CodecError | null;

  constructor() {
    this.at = new Int32Array(128 * STRIDE);
    this.count = 0;
    this.messy = false;
    this.bareLf = false;
    this.error = null;
  }

  grow(): void {
    const larger = new Int32Array(this.at.length * 2);
    larger.set(this.at);
    this.at = larger;
  }
}

/**
 * @returns the position after the empty line that ends the section, `INCOMPLETE`, `BAD_FIELD` or `BAD_CHARACTER`
 */
export function scanFields(bytes: Buffer, start: number, end: number, table: FieldTable): number {
  let p = start;
  let count = 0;
  let at = table.at;
  table.messy = false;
  table.bareLf = false;
  for (;;) {
    if (p >= end) return INCOMPLETE;
    let c = bytes[p]!;
    if (TOKEN[c] === 1) {
      const nameStart = p;
      let hash = HASH_START;
      do {
        hash = hashStep(hash, c);
        if (++p >= end) return INCOMPLETE;
        c = bytes[p]!;
      } while (TOKEN[c] === 1);
      if (c !== COLON) return CONTROL[c] === 1 ? BAD_CHARACTER : BAD_FIELD;
      const nameEnd = p;
      do {
        if (++p >= end) return INCOMPLETE;
        c = bytes[p]!;
      } while (c === SPACE || c === TAB);
      const i = count * STRIDE;
      if (i >= at.length) {
        table.grow();
        at = table.at;
      }
      at[i] = nameStart;
      at[i + 1] = nameEnd;
      at[i + 2] = p;
      at[i + 4] = hash;
      count++;
    } else if (c === LF || (c === CR && p + 1 < end && bytes[p + 1] === LF)) {
      if (c === LF) table.bareLf = true;
      table.count = count;
      return c === LF ? p + 1 : p + 2;
    } else if (c === CR && p + 1 >= end) {
      return INCOMPLETE;
    } else if ((c === SPACE || c === TAB) && count > 0) {
      // obs-fold: the line goes on with the value before it.
      table.messy = true;
    } else {
      return CONTROL[c] === 1 ? BAD_CHARACTER : BAD_FIELD;
    }
    // The rest of the line is value.
    for (;;) {
      while (FIELD_VALUE[c] === 1) {
        if (++p >= end) return INCOMPLETE;
        c = bytes[p]!;
      }
      if (c === LF) {
        table.bareLf = true;
        break;
      }
      if (c !== CR) return BAD_CHARACTER;
      if (p + 1 >= end) return INCOMPLETE;
      c = bytes[p + 1]!;
      if (c === LF) break;
      table.messy = true;
      p++;
    }
    // `p` stands on the line's CR or LF.
    let valueEnd = p;
    const i = (count - 1) * STRIDE;
    const valueStart = at[i + 2]!;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) valueEnd--;
    at[i + 3] = valueEnd;
    p += bytes[p] === CR ? 2 : 1;
  }
}
