/** Reads x-forwarded-client-cert: elements between commas, fields between semicolons, `name=value` or `name="value"`. Source: Envoy's XfccValueFormatterProvider. */

/** The first value of that name; null = there is none, or quotes do not match. @param name lower-case */
export function forwardedCertificateValue(header: string, name: string): string | null {
  let quoted = false;
  let start = 0;
  let found: string | null = null;
  for (let i = 0; i <= header.length; i++) {
    const c = header[i];
    if (c === '"' && header[i - 1] !== '\\') quoted = !quoted;
    if (i < header.length && (quoted || (c !== ',' && c !== ';'))) continue;
    found ??= fieldValue(header, start, i, name);
    if (found !== null && c === ',') return found;
    start = i + 1;
  }
  return quoted ? null : found;
}

function fieldValue(header: string, start: number, end: number, name: string): string | null {
  const mark = header.indexOf('=', start);
  const equals = mark < 0 || mark > end ? end : mark;
  if (header.slice(start, equals).trim().toLowerCase() !== name) return null;
  const value = header.slice(equals + 1, end).trim();
  if (value.length < 2 || value[0] !== '"' || value[value.length - 1] !== '"') return value;
  return value.slice(1, -1).replaceAll('\\"', '"');
}
