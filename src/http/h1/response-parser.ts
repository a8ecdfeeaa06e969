/** A response head: bytes → ResponseHeaders and how its body is framed. RFC 9112 §4, §6.3. */

import type { CodecError } from '../codec.ts';
import { ResponseHeaders } from '../header-map.ts';
import { CONTROL, isSeparator, LF } from './char-table.ts';
import {
  CHUNKED_CONTENT_LENGTH,
  CODEC_ERROR,
  CONTENT_LENGTH_NOT_ALLOWED,
  INVALID_TRANSFER_ENCODING,
  TRANSFER_ENCODING_NOT_ALLOWED,
} from './codec-errors.ts';
import { hasToken } from './connection-header.ts';
import { fillHeaders, HeadFacts } from './field-list.ts';
import { BAD_FIELD, FieldTable, INCOMPLETE } from './field-scan.ts';
import { BodyKind, parseContentLength } from './framing.ts';
import { endsConnection, readVersion, scanHead, Version } from './head-scan.ts';
import { Parsed } from './request-parser.ts';
import type { Http1Settings } from './settings.ts';

/** What the response answers: it decides whether there is a body. */
export const Answering = { Request: 0, Head: 1, Connect: 2, Upgrade: 3 } as const;
export type Answering = (typeof Answering)[keyof typeof Answering];

/** Parses one head after the other; its fields describe the one parsed last. One object serves a whole thread. */
export class ResponseParser {
  headers: ResponseHeaders;
  error: CodecError | null;
  end: number;
  body: BodyKind;
  contentLength: number;
  /** The connection carries no further request after this response. */
  close: boolean;
  /** It says so itself, or is of a version that knows nothing else. */
  closeAnnounced: boolean;
  /** What follows the head is a byte stream. */
  tunnel: boolean;
  /** 1xx other than 101: another head follows. */
  informational: boolean;
  /** See HeadFacts. */
  get fieldBytes(): number {
    return this.#facts.fieldBytes;
  }
  readonly #table: FieldTable;
  readonly #facts: HeadFacts;
  #status: number;
  #http11: boolean;

  constructor() {
    this.headers = new ResponseHeaders();
    this.error = null;
    this.end = 0;
    this.body = BodyKind.None;
    this.contentLength = 0;
    this.close = false;
    this.closeAnnounced = false;
    this.tunnel = false;
    this.informational = false;
    this.#table = new FieldTable();
    this.#facts = new HeadFacts();
    this.#status = 0;
    this.#http11 = false;
  }

  parse(bytes: Buffer, start: number, end: number, settings: Http1Settings, answering: Answering): Parsed {
    const fieldsStart = this.parseStatusLine(bytes, start, end, settings);
    if (fieldsStart === INCOMPLETE) return Parsed.Incomplete;
    if (fieldsStart < 0) return Parsed.Failed;
    const table = this.#table;
    const headEnd = scanHead(bytes, start, fieldsStart, end, table, settings);
    if (headEnd === INCOMPLETE) return Parsed.Incomplete;
    if (headEnd < 0) return this.#fail(table.error!);

    const headers = new ResponseHeaders(this.#status);
    const facts = this.#facts;
    const text = bytes.latin1Slice(fieldsStart, headEnd);
    fillHeaders(headers, null, bytes, text, fieldsStart, table, facts, false, settings.headerKeyFormat === 'preserve');
    this.headers = headers;
    this.end = headEnd;
    this.close = endsConnection(facts.connection, this.#http11);
    this.closeAnnounced = this.close;
    return this.#frameBody(settings, answering);
  }

  /** @returns where the fields begin, INCOMPLETE, or BAD_FIELD with `error` set */
  parseStatusLine(bytes: Buffer, start: number, end: number, settings: Http1Settings): number {
    let lineEnd = start;
    while (lineEnd < end && bytes[lineEnd] !== LF) lineEnd++;
    if (lineEnd === end) return bytes[start] === 0x48 ? INCOMPLETE : this.#refuse();
    const version = lineEnd - start < 12 ? Version.Malformed : readVersion(bytes, start);
    if (version === Version.Malformed) return this.#refuse();
    this.#http11 = version === Version.Http11;
    let p = start + 8;
    if (!isSeparator(bytes[p]!)) return this.#refuse();
    while (isSeparator(bytes[p]!)) p++;
    if (settings.strict && (p !== start + 9 || bytes[start + 8] !== 0x20 || bytes[lineEnd - 1] !== 0x0d)) return this.#refuse();
    // Three digits (RFC 9112 §4), nothing else, and a class that exists. The bytes looked at lie before or on the line's LF.
    const a = bytes[p]! - 0x30;
    if (a < 1 || a > 9) return this.#refuse();
    const b = bytes[p + 1]! - 0x30;
    if (b < 0 || b > 9) return this.#refuse();
    const c = bytes[p + 2]! - 0x30;
    if (c < 0 || c > 9) return this.#refuse();
    p += 3;
    if (bytes[p] !== LF && !isSeparator(bytes[p]!)) return this.#refuse();
    for (; p < lineEnd; p++) if (CONTROL[bytes[p]!] === 1) return this.#refuse();
    this.#status = a * 100 + b * 10 + c;
    return lineEnd + 1;
  }

  #frameBody(settings: Http1Settings, answering: Answering): Parsed {
    const facts = this.#facts;
    const status = this.#status;
    this.body = BodyKind.None;
    this.contentLength = 0;
    this.informational = status < 200 && status !== 101;
    const upgraded =
      status === 101 &&
      answering === Answering.Upgrade &&
      facts.upgrade !== '' &&
      facts.connection !== '' &&
      hasToken(facts.connection, 'upgrade');
    const tunnel = upgraded || (answering === Answering.Connect && status >= 200 && status < 300);
    if (!tunnel || upgraded) {
      if (status < 200 || status === 204) {
        // RFC 9112 §6.1, §6.3: these have no body. A length of zero is papered over, as in Envoy.
        if (facts.transferEncodings > 0) return this.#fail(TRANSFER_ENCODING_NOT_ALLOWED);
        if (facts.contentLengths > 0) {
          if (facts.contentLength !== '0') return this.#fail(CONTENT_LENGTH_NOT_ALLOWED);
          this.headers.remove('content-length');
        }
      }
    }
    this.tunnel = tunnel;
    let kind: BodyKind = BodyKind.UntilClose;
    if (facts.transferEncodings > 0) {
      if (facts.transferEncodings > 1 || facts.transferEncoding.toLowerCase() !== 'chunked') return this.#fail(INVALID_TRANSFER_ENCODING);
      if (facts.contentLengths > 0) {
        if (!settings.allowChunkedLength) return this.#fail(CHUNKED_CONTENT_LENGTH);
        this.headers.remove('content-length');
      }
      kind = BodyKind.Chunked;
    } else if (facts.contentLengths > 0) {
      const length = facts.contentLengths === 1 ? parseContentLength(facts.contentLength) : -1;
      if (length < 0) return this.#fail(CODEC_ERROR);
      this.contentLength = length;
      kind = length === 0 ? BodyKind.None : BodyKind.Length;
    }
    if (tunnel) {
      this.body = BodyKind.UntilClose;
    } else if (answering !== Answering.Head && status >= 200 && status !== 204 && status !== 304) {
      this.body = kind;
    }
    if (this.body === BodyKind.UntilClose || status === 101) this.close = true;
    return Parsed.Complete;
  }

  #refuse(): number {
    this.error = CODEC_ERROR;
    return BAD_FIELD;
  }

  #fail(error: CodecError): Parsed {
    this.error = error;
    return Parsed.Failed;
  }
}
