/** How the end of a message body is known. RFC 9112 §6. */
export const BodyKind = {
  None: 0,
  Length: 1,
  Chunked: 2,
  /** Until the connection ends; tunnels too. */
  UntilClose: 3,
} as const;
export type BodyKind = (typeof BodyKind)[keyof typeof BodyKind];

const MAX_LENGTH_TEXT = '18446744073709551615';

/**
 * The number, or -1 when `text` is not one plain decimal number below 2^64. From 2^53 on it is not exact, which nobody lives to see.
 */
export function parseContentLength(text: string): number {
  const length = text.length;
  if (length === 0) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  if (value > Number.MAX_SAFE_INTEGER) {
    const significant = text.replace(/^0+/, '');
    if (significant.length > 20 || (significant.length === 20 && significant > MAX_LENGTH_TEXT)) return -1;
  }
  return value;
}
