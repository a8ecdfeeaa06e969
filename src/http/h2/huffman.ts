/**
 * The Huffman code of HPACK. It is canonical: lengths alone determine it. Codes of up to ten bits, which is all that common text uses,
 * are decoded by one look-up, longer ones by counting. Source: RFC 7541 appendix B.
 */

/** Bits of the code of each byte, and of EOS at the end. */
const LENGTHS: readonly number[] = (
  '13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28 ' +
  '6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 ' +
  '13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6 ' +
  '15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28 ' +
  '20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24 ' +
  '22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23 ' +
  '26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27 ' +
  '20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26 30'
)
  .split(' ')
  .map(Number);

const MAX_BITS = 30;
const ROOT_BITS = 10;
const EOS = 256;

const CODES = new Uint32Array(257);
const BITS = Uint8Array.from(LENGTHS);
/** First code of each length, how many there are, and where their symbols begin in `SYMBOLS`. */
const FIRST = new Uint32Array(MAX_BITS + 1);
const COUNT = new Uint16Array(MAX_BITS + 1);
const OFFSET = new Uint16Array(MAX_BITS + 1);
const SYMBOLS = new Uint16Array(257);
/** symbol << 4 | bits, by the next ten bits; 0 = the code is longer. */
const ROOT = new Uint16Array(1 << ROOT_BITS);

function build(): void {
  let code = 0;
  let next = 0;
  for (let bits = 1; bits <= MAX_BITS; bits++) {
    code = (code * 2) >>> 0;
    FIRST[bits] = code;
    OFFSET[bits] = next;
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (LENGTHS[symbol] !== bits) continue;
      CODES[symbol] = code;
      SYMBOLS[next++] = symbol;
      COUNT[bits]!++;
      if (bits <= ROOT_BITS) ROOT.fill((symbol << 4) | bits, code << (ROOT_BITS - bits), (code + 1) << (ROOT_BITS - bits));
      code++;
    }
  }
}
build();

/** Bytes that the latin1 `text` takes when encoded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += BITS[text.charCodeAt(i)]!;
  return (bits + 7) >> 3;
}

/** Encodes the latin1 `text`; `out` must have room. @returns the end */
export function huffmanEncode(text: string, out: Uint8Array, at: number): number {
  let held = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    const code = CODES[symbol]!;
    let left = BITS[symbol]!;
    // At most 7 bits are held, so that pieces of up to 24 fit into 31.
    if (left > 24) {
      held = (held << 8) | (code >>> (left - 8));
      left -= 8;
      out[at++] = (held >>> bits) & 0xff;
      held &= (1 << bits) - 1;
    }
    held = (held << left) | (code & ((1 << left) - 1));
    bits += left;
    while (bits >= 8) {
      bits -= 8;
      out[at++] = (held >>> bits) & 0xff;
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) out[at++] = (held << (8 - bits)) | (0xff >>> bits);
  return at;
}

/** At most what `length` encoded bytes decode to. */
export function decodedBound(length: number): number {
  return ((length * 8) / 5 + 1) | 0;
}

/**
 * Decodes bytes from `start` to `end` into `out`, which must have room for `decodedBound` of them.
 * @returns bytes written, or -1 if the encoding is invalid (EOS, or padding that is too long or not made of ones)
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  const endBits = end * 8;
  let at = start * 8;
  let written = 0;
  while (at < endBits) {
    const i = at >> 3;
    const window = ((bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!) >>> (24 - ROOT_BITS - (at & 7));
    const entry = ROOT[window & ((1 << ROOT_BITS) - 1)]!;
    const bits = entry & 15;
    if (bits !== 0 && at + bits <= endBits) {
      out[written++] = entry >> 4;
      at += bits;
      continue;
    }
    if (endBits - at < 8 && isPadding(bytes, at, endBits)) return written;
    const symbol = bits === 0 ? decodeLong(bytes, at, endBits) : -1;
    if (symbol < 0) return -1;
    out[written++] = symbol;
    at += BITS[symbol]!;
  }
  return written;
}

function isPadding(bytes: Uint8Array, at: number, endBits: number): boolean {
  const mask = (1 << (endBits - at)) - 1;
  return (bytes[at >> 3]! & mask) === mask;
}

/** The symbol of a code that is longer than the look-up table's; -1 if there is none. */
function decodeLong(bytes: Uint8Array, start: number, endBits: number): number {
  let code = 0;
  let at = start;
  for (let bits = 1; bits <= MAX_BITS && at < endBits; bits++, at++) {
    code = ((code << 1) | ((bytes[at >> 3]! >> (7 - (at & 7))) & 1)) >>> 0;
    const index = code - FIRST[bits]!;
    if (index < 0 || index >= COUNT[bits]!) continue;
    const symbol = SYMBOLS[OFFSET[bits]! + index]!;
    return symbol === EOS ? -1 : symbol;
  }
  return -1;
}
