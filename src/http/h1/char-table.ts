/** Which bytes may stand where, as look-up tables: 1 = allowed. */

function table(allowed: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (allowed(code) ? 1 : 0));
}

const isAlpha = (code: number): boolean => (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** `tchar` of RFC 9110 §5.6.2: field names and methods. */
export const TOKEN = table((code) => isAlpha(code) || isDigit(code) || (code > 0 && "!#$%&'*+-.^_`|~".includes(String.fromCharCode(code))));

/** `field-vchar`, space and tab of RFC 9110 §5.5, obs-text included. */
export const FIELD_VALUE = table((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));

/** A request target: every visible character. Envoy is as lax. */
export const TARGET = table((code) => code >= 0x21 && code <= 0x7e);

/** Bytes that no header section may hold at all. */
export const CONTROL = table((code) => (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) || code === 0x7f);

/** The authority of an absolute or CONNECT target. */
export const HOST = table(
  (code) => isAlpha(code) || isDigit(code) || (code > 0 && "!$%&'()*+,-.:;=@[]_~".includes(String.fromCharCode(code))),
);

/** What may follow the first letter of a scheme. */
export const SCHEME = table((code) => isAlpha(code) || isDigit(code) || code === 0x2b || code === 0x2d || code === 0x2e);

export const ALPHA = table(isAlpha);

/** Value of a hexadecimal digit, 255 for anything else. */
export const HEX_VALUE = Uint8Array.from({ length: 256 }, (_, code) => {
  if (isDigit(code)) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : 255;
});

export const CR = 0x0d;
export const LF = 0x0a;
export const SPACE = 0x20;
export const TAB = 0x09;
export const COLON = 0x3a;

/** Between the parts of a start line, where Envoy takes a tab or a stray CR for a space. */
export function isSeparator(code: number): boolean {
  return code === SPACE || code === TAB || code === CR;
}
