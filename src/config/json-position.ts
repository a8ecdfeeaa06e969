/** Where a value stands in the text of a JSON document, found without a syntax tree: one pass that skips what the path does not lead through. */
import type { PathSegment } from './path.ts';

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Offset of the value at `path` (of its key, for a field), or of the nearest value around it.
 * @param text valid JSON @param sameField whether a key as written means the field
 */
export function jsonOffset(text: string, path: readonly PathSegment[], sameField: (written: string, name: string) => boolean): number {
  let value = skipSpace(text, 0);
  let at = value;
  for (const segment of path) {
    const c = text.charCodeAt(value);
    if (typeof segment === 'number') {
      // A single value may stand where a list is expected.
      if (c !== OPEN_BRACKET && segment === 0) continue;
      const item = c === OPEN_BRACKET ? findItem(text, value, segment) : -1;
      if (item < 0) return at;
      value = at = item;
      continue;
    }
    const name = typeof segment === 'string' ? segment : segment.key;
    const key = c === OPEN_BRACE ? findKey(text, value, name, sameField) : -1;
    if (key < 0) return at;
    at = key;
    value = valueOfKey(text, key);
  }
  return at;
}

/** The last of several keys counts. @returns offset of the key, -1 = there is none */
function findKey(text: string, object: number, name: string, sameField: (written: string, name: string) => boolean): number {
  let found = -1;
  let struct = -1;
  let isStruct = false;
  let p = skipSpace(text, object + 1);
  while (text.charCodeAt(p) === QUOTE) {
    const keyEnd = skipString(text, p);
    const raw = text.slice(p + 1, keyEnd - 1);
    const key = raw.includes('\\') ? (JSON.parse(text.slice(p, keyEnd)) as string) : raw;
    const value = valueOfKey(text, p);
    const end = skipValue(text, value);
    if (sameField(key, name)) found = p;
    if (key === '@type') isStruct = text.slice(value, end).endsWith('.TypedStruct"');
    if (key === 'value') struct = value;
    p = skipSpace(text, end);
    if (text.charCodeAt(p) === COMMA) p = skipSpace(text, p + 1);
  }
  // The fields of the message that a TypedStruct stands for are in its `value`.
  if (found < 0 && isStruct && text.charCodeAt(struct) === OPEN_BRACE) return findKey(text, struct, name, sameField);
  return found;
}

function findItem(text: string, list: number, index: number): number {
  let p = skipSpace(text, list + 1);
  for (let i = 0; text.charCodeAt(p) !== CLOSE_BRACKET; i++) {
    if (i === index) return p;
    p = skipSpace(text, skipValue(text, p));
    if (text.charCodeAt(p) === COMMA) p = skipSpace(text, p + 1);
  }
  return -1;
}

function valueOfKey(text: string, key: number): number {
  return skipSpace(text, skipSpace(text, skipString(text, key)) + 1);
}

function skipSpace(text: string, start: number): number {
  let p = start;
  while (text.charCodeAt(p) <= SPACE) p++;
  return p;
}

function skipString(text: string, start: number): number {
  for (let p = start + 1; ; ) {
    const end = text.indexOf('"', p);
    let slash = end - 1;
    while (text.charCodeAt(slash) === BACKSLASH) slash--;
    p = end + 1;
    // An even number of backslashes leaves the quote alone.
    if ((end - slash) % 2 === 1) return p;
  }
}

function skipValue(text: string, start: number): number {
  let depth = 0;
  let p = start;
  for (;;) {
    const c = text.charCodeAt(p);
    if (c === QUOTE) p = skipString(text, p);
    else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
      depth++;
      p++;
      continue;
    } else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
      depth--;
      p++;
    } else {
      // A number, a word, or what stands between values.
      p++;
      while (depth === 0 && p < text.length && !isEnd(text.charCodeAt(p))) p++;
    }
    if (depth === 0) return p;
  }
}

function isEnd(c: number): boolean {
  return c === COMMA || c === CLOSE_BRACE || c === CLOSE_BRACKET || c <= SPACE;
}
