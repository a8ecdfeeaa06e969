/**
 * What Envoy makes of a YAML scalar. It reads YAML with yaml-cpp and turns each node into google.protobuf.Value, then into JSON, then
 * into the message; the rules of that first step are YAML 1.1 for booleans, C for integers, and everything else is a string.
 */

const BOOLEANS = new Map<string, boolean>();
for (const [word, value] of [
  ['y', true],
  ['yes', true],
  ['true', true],
  ['on', true],
  ['n', false],
  ['no', false],
  ['false', false],
  ['off', false],
] as const) {
  BOOLEANS.set(word, value);
  BOOLEANS.set(word.toUpperCase(), value);
  BOOLEANS.set(word[0]!.toUpperCase() + word.slice(1), value);
}

/** Decimal, 0x hexadecimal or 0 octal, as strtoll reads it with base 0. */
const INTEGER = /^[+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/;
const INT32_MAX = 2 ** 31 - 1;
const INT32_MIN = -(2 ** 31);
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** @param plain the text of a scalar without quotes */
export function plainScalar(plain: string): string | number | boolean | null {
  switch (plain) {
    case '':
    case '~':
    case 'null':
    case 'Null':
    case 'NULL':
      return null;
    default:
  }
  const first = plain.charCodeAt(0);
  // Most scalars are words and addresses; only a sign or a digit can start an integer.
  if ((first >= 0x30 && first <= 0x39) || first === 0x2d || first === 0x2b) return INTEGER.test(plain) ? integer(plain) : plain;
  return plain.length <= 5 ? (BOOLEANS.get(plain) ?? plain) : plain;
}

/** Small ones are numbers; others stay strings, which every integer field accepts and no double can blur. */
function integer(text: string): number | string {
  const negative = text.startsWith('-');
  const digits = negative || text.startsWith('+') ? text.slice(1) : text;
  const octal = digits.length > 1 && digits.startsWith('0') && !/^0[xX]/.test(digits);
  const magnitude = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  const value = negative ? -magnitude : magnitude;
  if (value > INT64_MAX || value < INT64_MIN) return text;
  return value <= INT32_MAX && value >= INT32_MIN ? Number(value) : value.toString();
}
