/** An unsigned decimal integer as a header may carry it; -1 if `text` is none. Surrounding blanks are allowed, as in absl::SimpleAtoi. */
export function parseDecimal(text: string): number {
  const trimmed = text.trim();
  if (trimmed.length === 0 || trimmed.length > 15) return -1;
  let value = 0;
  for (let i = 0; i < trimmed.length; i++) {
    const digit = trimmed.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
