/** How the end of a message body is known. RFC 9112 §6. */
export const BodyKind = {
  None: 0,
  Length: 1,
  Chunked: 2,
  /** Until the connection ends; tunnels too. */
  UntilClose: 3,
} as const;
export type BodyKind = (typeof BodyKind)[keyof typeof BodyKind];

/** The number, or -1 when `text` is not one plain decimal number that is exact as a double. */
export function parseContentLength(text: string): number {
  const length = text.length;
  if (length === 0 || length > 18) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}
