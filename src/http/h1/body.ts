/** Takes a message body out of the bytes of a connection, without copying. RFC 9112 §6.3, §7.1. */

import type { CodecError } from '../codec.ts';
import { HeaderMap } from '../header-map.ts';
import { CR, HEX_VALUE, LF, SPACE, TAB } from './char-table.ts';
import { CODEC_ERROR, HEADERS_TOO_LARGE, INVALID_CHARACTERS, TOO_MANY_HEADERS, UNEXPECTED_UNDERSCORE } from './codec-errors.ts';
import { fillHeaders, HeadFacts } from './field-list.ts';
import { BAD_CHARACTER, FieldTable, scanFields } from './field-scan.ts';
import { BodyKind } from './framing.ts';
import { PartialHead } from './partial-head.ts';
import type { Http1Settings } from './settings.ts';

export interface BodySink {
  /** `chunk` is a view into the bytes given to `decode`. */
  onBodyData(chunk: Buffer, end: boolean): void;
  onBodyTrailers(trailers: HeaderMap): void;
}

export const EMPTY = Buffer.alloc(0);

const Step = { Size: 0, SizeDone: 1, Extension: 2, SizeLf: 3, Data: 4, DataEnd: 5, DataLf: 6, Trailers: 7 } as const;
type Step = (typeof Step)[keyof typeof Step];

/** Hexadecimal digits of a 64-bit size, leading zeros apart. */
const MAX_SIZE_DIGITS = 16;

const table = new FieldTable();
const facts = new HeadFacts();

/** One per connection, set up anew for each message with a body. */
export class BodyDecoder {
  kind: BodyKind;
  /** The whole body has been delivered; bytes that follow belong to the next message. */
  done: boolean;
  /** Set when the body is malformed; nothing more is decoded. */
  error: CodecError | null;
  #remaining: number;
  #step: Step;
  #digits: number;
  #significant: number;
  #trailers: PartialHead | null;
  readonly #settings: Http1Settings;
  readonly #underscores: Http1Settings['headersWithUnderscores'];
  readonly #sink: BodySink;

  /** @param underscores what to do with trailers that have '_' in their name; those of responses always pass */
  constructor(settings: Http1Settings, underscores: Http1Settings['headersWithUnderscores'], sink: BodySink) {
    this.kind = BodyKind.None;
    this.done = true;
    this.error = null;
    this.#remaining = 0;
    this.#step = Step.Size;
    this.#digits = 0;
    this.#significant = 0;
    this.#trailers = null;
    this.#settings = settings;
    this.#underscores = underscores;
    this.#sink = sink;
  }

  start(kind: BodyKind, length: number): void {
    this.kind = kind;
    this.done = kind === BodyKind.None;
    this.error = null;
    this.#remaining = length;
    this.#step = Step.Size;
    this.#digits = 0;
    this.#significant = 0;
    this.#trailers = null;
  }

  /** Makes a `decode` that is under way return, and further ones do nothing. */
  stop(): void {
    this.kind = BodyKind.None;
    this.done = true;
  }

  /** @returns how far it got: the end of the bytes, or where the body ended or went wrong */
  decode(bytes: Buffer, start: number): number {
    switch (this.kind) {
      case BodyKind.Length: {
        const available = bytes.length - start;
        const take = Math.min(available, this.#remaining);
        this.#remaining -= take;
        this.done = this.#remaining === 0;
        this.#sink.onBodyData(take === bytes.length ? bytes : bytes.subarray(start, start + take), this.done);
        return start + take;
      }
      case BodyKind.UntilClose:
        this.#sink.onBodyData(start === 0 ? bytes : bytes.subarray(start), false);
        return bytes.length;
      case BodyKind.Chunked:
        return this.#decodeChunked(bytes, start);
      default:
        return start;
    }
  }

  #decodeChunked(bytes: Buffer, start: number): number {
    const end = bytes.length;
    let p = start;
    while (p < end && !this.done) {
      const c = bytes[p]!;
      switch (this.#step) {
        case Step.Size: {
          const digit = HEX_VALUE[c]!;
          if (digit !== 255) {
            this.#remaining = this.#digits++ === 0 ? digit : this.#remaining * 16 + digit;
            if (this.#remaining > 0 && ++this.#significant > MAX_SIZE_DIGITS) return this.#fail(p);
            p++;
            break;
          }
          if (this.#digits === 0) return this.#fail(p);
          this.#step = Step.SizeDone;
          break;
        }
        case Step.SizeDone:
          if (c === CR) {
            this.#step = Step.SizeLf;
          } else if (c === 0x3b || c === SPACE || c === TAB) {
            this.#step = Step.Extension;
          } else return this.#fail(p);
          p++;
          break;
        case Step.Extension:
          if (c === CR) this.#step = Step.SizeLf;
          else if (c === LF) return this.#fail(p);
          p++;
          break;
        case Step.SizeLf:
          if (c !== LF) return this.#fail(p);
          this.#sizeLineEnd();
          p++;
          break;
        case Step.Data: {
          const available = end - p;
          const take = Math.min(available, this.#remaining);
          this.#remaining -= take;
          if (this.#remaining > 0) {
            this.#sink.onBodyData(bytes.subarray(p, p + take), false);
            return end;
          }
          const next = p + take;
          if (endsHere(bytes, next)) {
            this.done = true;
            this.#sink.onBodyData(bytes.subarray(p, next), true);
            return next + 7;
          }
          this.#step = Step.DataEnd;
          this.#sink.onBodyData(bytes.subarray(p, next), false);
          p = next;
          break;
        }
        case Step.DataEnd:
          // Envoy skips whatever stands between the data and the end of the line; it goes no further.
          if (this.#settings.strict) {
            if (c !== CR) return this.#fail(p);
            this.#step = Step.DataLf;
          } else if (c === LF) this.#step = Step.Size;
          p++;
          break;
        case Step.DataLf:
          if (c !== LF) return this.#fail(p);
          this.#step = Step.Size;
          p++;
          break;
        case Step.Trailers:
          return this.#decodeTrailers(bytes, p);
      }
    }
    return p;
  }

  #sizeLineEnd(): void {
    this.#digits = 0;
    this.#significant = 0;
    this.#step = this.#remaining === 0 ? Step.Trailers : Step.Data;
  }

  #decodeTrailers(bytes: Buffer, start: number): number {
    if (this.#trailers === null) {
      // Nearly always there are none.
      if (bytes[start] === CR && bytes[start + 1] === LF) {
        this.done = true;
        this.#sink.onBodyData(EMPTY, true);
        return start + 2;
      }
      this.#trailers = new PartialHead(false);
    }
    const section = this.#trailers;
    const before = section.length;
    const limit = this.#settings.maxHeadersKb * 1024;
    section.append(bytes, start, bytes.length);
    const sectionEnd = section.findEnd();
    if (sectionEnd < 0) {
      if (section.length <= limit) return bytes.length;
      this.error = HEADERS_TOO_LARGE;
      return this.#fail(bytes.length);
    }
    const position = start + sectionEnd - before;
    if (sectionEnd > limit) this.error = HEADERS_TOO_LARGE;
    else this.error = fieldError(scanFields(section.bytes, 0, sectionEnd, table));
    if (this.error !== null) return this.#fail(position);
    if (table.count > this.#settings.maxHeadersCount) this.error = TOO_MANY_HEADERS;
    else if (this.#settings.strict && (table.messy || table.bareLf)) this.error = CODEC_ERROR;
    if (this.error !== null) return this.#fail(position);
    this.done = true;
    this.#trailers = null;
    if (!this.#settings.enableTrailers || table.count === 0) {
      this.#sink.onBodyData(EMPTY, true);
      return position;
    }
    const trailers = new HeaderMap();
    const text = section.bytes.latin1Slice(0, sectionEnd);
    fillHeaders(
      trailers,
      null,
      section.bytes,
      text,
      0,
      table,
      facts,
      this.#underscores === 'drop',
      this.#settings.headerKeyFormat === 'preserve',
    );
    if (this.#underscores === 'reject' && facts.underscores > 0) {
      this.error = UNEXPECTED_UNDERSCORE;
      return this.#fail(position);
    }
    this.#sink.onBodyTrailers(trailers);
    return position;
  }

  #fail(position: number): number {
    this.error ??= CODEC_ERROR;
    this.done = true;
    return position;
  }
}

function fieldError(scanned: number): CodecError | null {
  return scanned >= 0 ? null : scanned === BAD_CHARACTER ? INVALID_CHARACTERS : CODEC_ERROR;
}

/** Whether CRLF, the last chunk and the end of an empty trailer section stand at `p`: then the data before is the last. */
function endsHere(bytes: Buffer, p: number): boolean {
  return (
    p + 7 <= bytes.length &&
    bytes[p] === CR &&
    bytes[p + 1] === LF &&
    bytes[p + 2] === 0x30 &&
    bytes[p + 3] === CR &&
    bytes[p + 4] === LF &&
    bytes[p + 5] === CR &&
    bytes[p + 6] === LF
  );
}
