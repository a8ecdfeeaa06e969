/**
 * Reads the plain part of YAML that configurations are written in, many times faster than a complete parser: block maps and lists,
 * scalars and flow collections on one line. At anything else (anchors, tags, block scalars, text over several lines, tabs, and every
 * error) it gives up, and the complete parser decides.
 */
import { type JsonValue, setKey } from './json-value.ts';
import { plainScalar } from './yaml-scalars.ts';

type JsonMap = { [key: string]: JsonValue };

/** Thrown to give up; never leaves this file. */
const GIVE_UP = Symbol('give up');

/** Characters whose meaning in YAML is not handled here, wherever they stand. */
const UNUSUAL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]/;
const DOUBLE_QUOTED = /"((?:[^"\\\n]|\\.)*)"/y;
const SINGLE_QUOTED = /'((?:[^'\n]|'')*)'/y;

const NEWLINE = 0x0a;
const SPACE = 0x20;
const HASH = 0x23;
const COMMA = 0x2c;
const DASH = 0x2d;
const COLON = 0x3a;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** @returns undefined if the text needs the complete parser */
export function parseFastYaml(text: string): JsonValue | undefined {
  if (UNUSUAL.test(text)) return undefined;
  try {
    return new FastYaml(text).document();
  } catch (thrown) {
    if (thrown === GIVE_UP) return undefined;
    throw thrown;
  }
}

class FastYaml {
  readonly #text: string;
  /** Where reading goes on; on the first character of a line's content after `#nextLine`. */
  #pos = 0;
  /** Column of the content at `#pos`; -1 at the end of the document. */
  #column = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    this.#findLine(0);
    if (this.#column === 0 && this.#isMarker(this.#pos)) {
      if (this.#text.charCodeAt(this.#pos) !== DASH) throw GIVE_UP;
      this.#pos += 3;
      this.#endLine();
    }
    if (this.#column < 0) throw GIVE_UP;
    const value = this.#block(this.#column);
    if (this.#column >= 0) throw GIVE_UP;
    return value;
  }

  /** Moves to the content of the first line at or after `start` that has any. */
  #findLine(start: number): void {
    const text = this.#text;
    let at = start;
    for (;;) {
      const lineStart = at;
      while (text.charCodeAt(at) === SPACE) at++;
      const c = text.charCodeAt(at);
      if (c === NEWLINE) {
        at++;
        continue;
      }
      if (c === HASH) {
        at = text.indexOf('\n', at) + 1;
        if (at === 0) break;
        continue;
      }
      if (at >= text.length) break;
      this.#pos = at;
      this.#column = at - lineStart;
      // The first document ends here.
      if (this.#column === 0 && this.#isMarker(at) && start !== 0) this.#column = -1;
      return;
    }
    this.#pos = text.length;
    this.#column = -1;
  }

  #isMarker(at: number): boolean {
    if (!this.#text.startsWith('---', at) && !this.#text.startsWith('...', at)) return false;
    return isBreakOrSpace(this.#text.charCodeAt(at + 3));
  }

  /** Past the end of a value: only a comment may follow on its line. */
  #endLine(): void {
    const text = this.#text;
    let at = this.#pos;
    while (text.charCodeAt(at) === SPACE) at++;
    if (at < text.length && text.charCodeAt(at) !== NEWLINE) {
      if (text.charCodeAt(at) !== HASH || at === this.#pos) throw GIVE_UP;
      at = text.indexOf('\n', at);
      if (at < 0) at = text.length;
    }
    this.#findLine(at + 1);
  }

  #isDash(): boolean {
    if (this.#text.charCodeAt(this.#pos) !== DASH) return false;
    return isBreakOrSpace(this.#text.charCodeAt(this.#pos + 1));
  }

  #block(column: number): JsonValue {
    if (this.#isDash()) return this.#list(column);
    return this.#keyEnd() >= 0 ? this.#map(column) : this.#lineScalar(column - 1);
  }

  #list(column: number): JsonValue[] {
    const list: JsonValue[] = [];
    while (this.#column === column && this.#isDash()) {
      this.#pos++;
      const start = this.#pos;
      while (this.#text.charCodeAt(this.#pos) === SPACE) this.#pos++;
      const c = this.#text.charCodeAt(this.#pos);
      if (c === NEWLINE || c === HASH || Number.isNaN(c)) {
        this.#pos = start;
        this.#endLine();
        list.push(this.#column > column ? this.#block(this.#column) : null);
      } else {
        // What follows the dash is a block of its own, as if it began on a new line at that column.
        const inner = column + 1 + (this.#pos - start);
        this.#column = inner;
        if (this.#isDash()) list.push(this.#list(inner));
        else if (this.#keyEnd() >= 0) list.push(this.#map(inner));
        else list.push(this.#lineScalar(column));
      }
    }
    if (this.#column > column) throw GIVE_UP;
    return list;
  }

  #map(column: number): JsonMap {
    const map: JsonMap = {};
    while (this.#column === column && !this.#isDash()) {
      const end = this.#keyEnd();
      if (end < 0) throw GIVE_UP;
      const key = this.#key(end);
      this.#pos = end + 1;
      setKey(map, key, this.#value(column));
    }
    if (this.#column > column) throw GIVE_UP;
    return map;
  }

  /** After `key:`. */
  #value(column: number): JsonValue {
    const text = this.#text;
    const start = this.#pos;
    let at = start;
    while (text.charCodeAt(at) === SPACE) at++;
    const c = text.charCodeAt(at);
    if (c === NEWLINE || c === HASH || at >= text.length) {
      this.#endLine();
      if (this.#column > column) return this.#block(this.#column);
      // A list may stand at the column of its key.
      return this.#column === column && this.#isDash() ? this.#list(column) : null;
    }
    this.#pos = at;
    return this.#lineScalar(column);
  }

  /** A scalar or flow collection up to the end of the line; the next line must not continue it. */
  #lineScalar(column: number): JsonValue {
    const c = this.#text.charCodeAt(this.#pos);
    let value: JsonValue;
    if (c === OPEN_BRACE || c === OPEN_BRACKET) value = this.#flow();
    else if (c === DOUBLE_QUOTE || c === SINGLE_QUOTE) value = this.#quoted();
    else value = this.#plainLine();
    this.#endLine();
    if (this.#column > column) throw GIVE_UP;
    return value;
  }

  /** Position of the colon after the key that starts here; -1 if this line has none. */
  #keyEnd(): number {
    const text = this.#text;
    const c = text.charCodeAt(this.#pos);
    if (c === DOUBLE_QUOTE || c === SINGLE_QUOTE) {
      const expression = c === DOUBLE_QUOTE ? DOUBLE_QUOTED : SINGLE_QUOTED;
      expression.lastIndex = this.#pos;
      if (!expression.test(text)) throw GIVE_UP;
      let at = expression.lastIndex;
      while (text.charCodeAt(at) === SPACE) at++;
      if (text.charCodeAt(at) !== COLON) return -1;
      if (!isBreakOrSpace(text.charCodeAt(at + 1))) throw GIVE_UP;
      return at;
    }
    if (c === OPEN_BRACE || c === OPEN_BRACKET) return -1;
    for (let at = this.#pos; ; at++) {
      const d = text.charCodeAt(at);
      if (d === NEWLINE || Number.isNaN(d)) return -1;
      if (d === HASH && text.charCodeAt(at - 1) === SPACE) return -1;
      if (d !== COLON) continue;
      if (isBreakOrSpace(text.charCodeAt(at + 1))) return at;
    }
  }

  #key(end: number): string {
    const c = this.#text.charCodeAt(this.#pos);
    if (c === DOUBLE_QUOTE || c === SINGLE_QUOTE) {
      const key = this.#quoted();
      while (this.#text.charCodeAt(this.#pos) === SPACE) this.#pos++;
      if (this.#pos !== end) throw GIVE_UP;
      return key;
    }
    if (!isWordStart(c)) throw GIVE_UP;
    return this.#text.slice(this.#pos, end).trimEnd();
  }

  #quoted(): string {
    const double = this.#text.charCodeAt(this.#pos) === DOUBLE_QUOTE;
    const expression = double ? DOUBLE_QUOTED : SINGLE_QUOTED;
    expression.lastIndex = this.#pos;
    const body = expression.exec(this.#text)?.[1];
    if (body === undefined) throw GIVE_UP;
    this.#pos = expression.lastIndex;
    if (!double) return body.replaceAll("''", "'");
    if (!body.includes('\\')) return body;
    try {
      return JSON.parse(`"${body}"`) as string;
    } catch {
      // YAML knows more escapes than JSON.
      throw GIVE_UP;
    }
  }

  #plainLine(): JsonValue {
    const text = this.#text;
    if (!isPlainStart(text.charCodeAt(this.#pos), text.charCodeAt(this.#pos + 1))) throw GIVE_UP;
    let end = text.indexOf('\n', this.#pos);
    if (end < 0) end = text.length;
    let plain = text.slice(this.#pos, end);
    const comment = plain.indexOf(' #');
    if (comment >= 0) plain = plain.slice(0, comment);
    plain = plain.trimEnd();
    if (plain.includes(': ') || plain.endsWith(':')) throw GIVE_UP;
    this.#pos += plain.length;
    return plainScalar(plain);
  }

  #flow(): JsonValue {
    const c = this.#text.charCodeAt(this.#pos);
    if (c === OPEN_BRACE) return this.#flowMap();
    if (c === OPEN_BRACKET) return this.#flowList();
    if (c === DOUBLE_QUOTE || c === SINGLE_QUOTE) return this.#quoted();
    return plainScalar(this.#flowPlain());
  }

  #flowMap(): JsonMap {
    const map: JsonMap = {};
    this.#skip(1);
    while (this.#text.charCodeAt(this.#pos) !== CLOSE_BRACE) {
      const c = this.#text.charCodeAt(this.#pos);
      const quoted = c === DOUBLE_QUOTE || c === SINGLE_QUOTE;
      const key = quoted ? this.#quoted() : this.#flowPlain();
      this.#skip(0);
      if (this.#text.charCodeAt(this.#pos) !== COLON || (!quoted && !isWordStart(c))) throw GIVE_UP;
      this.#skip(1);
      const next = this.#text.charCodeAt(this.#pos);
      setKey(map, key, next === COMMA || next === CLOSE_BRACE ? null : this.#flow());
      this.#skip(0);
      if (this.#text.charCodeAt(this.#pos) === COMMA) this.#skip(1);
      else if (this.#text.charCodeAt(this.#pos) !== CLOSE_BRACE) throw GIVE_UP;
    }
    this.#pos++;
    return map;
  }

  #flowList(): JsonValue[] {
    const list: JsonValue[] = [];
    this.#skip(1);
    while (this.#text.charCodeAt(this.#pos) !== CLOSE_BRACKET) {
      list.push(this.#flow());
      this.#skip(0);
      if (this.#text.charCodeAt(this.#pos) === COMMA) this.#skip(1);
      // A colon would make a map of one pair.
      else if (this.#text.charCodeAt(this.#pos) !== CLOSE_BRACKET) throw GIVE_UP;
    }
    this.#pos++;
    return list;
  }

  #skip(n: number): void {
    this.#pos += n;
    while (this.#text.charCodeAt(this.#pos) === SPACE) this.#pos++;
    if (this.#text.charCodeAt(this.#pos) === NEWLINE || this.#pos >= this.#text.length) throw GIVE_UP;
  }

  #flowPlain(): string {
    const text = this.#text;
    const start = this.#pos;
    if (!isPlainStart(text.charCodeAt(start), text.charCodeAt(start + 1))) throw GIVE_UP;
    let at = start;
    for (; ; at++) {
      const c = text.charCodeAt(at);
      if (c === COMMA || c === CLOSE_BRACE || c === CLOSE_BRACKET) break;
      if (c === COLON && isColonEnd(text.charCodeAt(at + 1))) break;
      if (c === NEWLINE || c === HASH || c === OPEN_BRACE || c === OPEN_BRACKET || Number.isNaN(c)) throw GIVE_UP;
    }
    this.#pos = at;
    return text.slice(start, at).trimEnd();
  }
}

/** Or the end of the text. */
function isBreakOrSpace(c: number): boolean {
  return c === SPACE || c === NEWLINE || Number.isNaN(c);
}

function isColonEnd(next: number): boolean {
  return isBreakOrSpace(next) || next === COMMA || next === CLOSE_BRACE || next === CLOSE_BRACKET;
}

/** Letters, digits and what never is an indicator. */
function isWordStart(c: number): boolean {
  return (
    (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) || c === 0x5f || c === 0x2e || c === 0x2f || c === 0x24
  );
}

/** Also signs, tildes and the like; an indicator, or a dash or colon with a space, is not handled here. */
function isPlainStart(c: number, next: number): boolean {
  if (isWordStart(c)) return true;
  if (c === DASH) return !isBreakOrSpace(next) && next !== DASH && next !== COMMA;
  return c === 0x2b || c === 0x7e || c === 0x5e || c === 0x28 || c === 0x5c;
}
