/** JSON as Envoy writes it into logs: sorted keys, escapes byte by byte where a text is no UTF-8. Texts are latin1 (one char a byte). */
import { wireText } from '../wire-text.ts';

// Quote, backslash, control characters, and the bytes that could be broken UTF-8.
const NEEDS_CARE = /["\\\u0000-\u001f\u0080-\u00ff]/;
const ESCAPED = /["\\\u0000-\u001f]/g;
const NOT_PLAIN = /["\\\u0000-\u001f\u007f-\u00ff]/g;
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function unicodeEscape(c: string): string {
  return '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0');
}

function shortEscape(c: string): string {
  return SHORT[c] ?? unicodeEscape(c);
}

/** `text` (bytes) as a JSON string with its quotes. */
export function quoteJson(text: string): string {
  if (!NEEDS_CARE.test(text)) return '"' + text + '"';
  // Envoy escapes a text that is no UTF-8 by bytes, and then its quotes in the long form too.
  return '"' + (isUtf8(text) ? text.replace(ESCAPED, shortEscape) : text.replace(NOT_PLAIN, unicodeEscape)) + '"';
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

function isUtf8(text: string): boolean {
  if (!/[\u0080-\u00ff]/.test(text)) return true;
  try {
    strictUtf8.decode(Buffer.from(text, 'latin1'));
    return true;
  } catch {
    return false;
  }
}

/** A metadata value (Unicode strings inside) as JSON source in bytes, keys sorted. */
export function jsonText(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  switch (typeof value) {
    case 'string':
      return quoteJson(wireText(value));
    case 'number':
      return Number.isFinite(value) ? String(value) : quoteJson(String(value));
    case 'boolean':
      return String(value);
    case 'bigint':
      return quoteJson(String(value));
    default:
      break;
  }
  if (Array.isArray(value)) return '[' + value.map(jsonText).join(',') + ']';
  const object = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(object).sort();
  return '{' + keys.map((key) => quoteJson(wireText(key)) + ':' + jsonText(object[key])).join(',') + '}';
}
