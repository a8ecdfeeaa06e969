/** A request head: bytes → RequestHeaders and how its body is framed. RFC 9112 §3, §5, §6; where Envoy is laxer, Envoy. */

import type { CodecError } from '../codec.ts';
import { RequestHeaders } from '../header-map.ts';
import { CONTROL, CR, isSeparator, LF, SPACE, TARGET, TOKEN } from './char-table.ts';
import {
  BODY_DISALLOWED,
  CHUNKED_CONTENT_LENGTH,
  CODEC_ERROR,
  CONNECTION_HEADER_REJECTED,
  INVALID_AUTHORITY,
  INVALID_CHARACTERS,
  INVALID_TRANSFER_ENCODING,
  LOW_VERSION,
  UNEXPECTED_UNDERSCORE,
} from './codec-errors.ts';
import { hasToken, sanitizeConnection } from './connection-header.ts';
import { fillHeaders, HeadFacts } from './field-list.ts';
import { BAD_FIELD, FieldTable, INCOMPLETE } from './field-scan.ts';
import { BodyKind, parseContentLength } from './framing.ts';
import { endsConnection, readVersion, scanHead, Version } from './head-scan.ts';
import { isValidTarget, setTarget } from './request-target.ts';
import type { Http1Settings } from './settings.ts';

/** Results of `parse`. */
export const Parsed = { Incomplete: 0, Complete: 1, Failed: 2 } as const;
export type Parsed = (typeof Parsed)[keyof typeof Parsed];

/** Characters of host, port, IPv6 literal and userinfo (RFC 3986 §3.2); Envoy checks no more. */
const AUTHORITY = /^[A-Za-z0-9\-._~!$&'()*+,;=:[\]@%]*$/;

const METHODS: ReadonlyMap<string, string> = new Map(
  (
    'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH NOTIFY OPTIONS PATCH POST ' +
    'PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE'
  )
    .split(' ')
    .map((method) => [method, method]),
);

/**
 * Parses one head after the other; its fields describe the one parsed last and are read before the next. One object serves a
 * whole thread.
 */
export class RequestParser {
  headers: RequestHeaders;
  error: CodecError | null;
  /** After the head, in the bytes given. */
  end: number;
  body: BodyKind;
  contentLength: number;
  http10: boolean;
  /** The client wants the connection closed after this exchange. */
  close: boolean;
  /** An upgrade or CONNECT: what follows the head is a byte stream. */
  tunnel: boolean;
  droppedUnderscores: number;
  /** See HeadFacts. */
  get fieldBytes(): number {
    return this.#facts.fieldBytes;
  }
  readonly #table: FieldTable;
  readonly #facts: HeadFacts;
  #method: string;
  #targetStart: number;
  #targetEnd: number;
  #is11: boolean;

  constructor() {
    this.headers = new RequestHeaders();
    this.error = null;
    this.end = 0;
    this.body = BodyKind.None;
    this.contentLength = 0;
    this.http10 = false;
    this.close = false;
    this.tunnel = false;
    this.droppedUnderscores = 0;
    this.#table = new FieldTable();
    this.#facts = new HeadFacts();
    this.#method = '';
    this.#targetStart = 0;
    this.#targetEnd = 0;
    this.#is11 = false;
  }

  /** @param start first byte of the request line; empty lines before it have been skipped */
  parse(bytes: Buffer, start: number, end: number, settings: Http1Settings): Parsed {
    const fieldsStart = this.parseRequestLine(bytes, start, end, settings);
    if (fieldsStart === INCOMPLETE) return Parsed.Incomplete;
    if (fieldsStart < 0) return Parsed.Failed;
    const table = this.#table;
    const headEnd = scanHead(bytes, start, fieldsStart, end, table, settings);
    if (headEnd === INCOMPLETE) return Parsed.Incomplete;
    if (headEnd < 0) return this.#fail(table.error!);

    const text = bytes.latin1Slice(start, headEnd);
    const method = this.#method;
    const headers = new RequestHeaders(method);
    const facts = this.#facts;
    fillHeaders(
      headers,
      headers,
      bytes,
      text,
      start,
      table,
      facts,
      settings.headersWithUnderscores === 'drop',
      settings.headerKeyFormat === 'preserve',
    );
    this.headers = headers;
    this.end = headEnd;
    this.droppedUnderscores = settings.headersWithUnderscores === 'drop' ? facts.underscores : 0;
    headers.authority = facts.host;
    headers.emptyHost = facts.hosts > 0 && facts.host === '';
    if (facts.underscores > 0 && settings.headersWithUnderscores === 'reject') return this.#fail(UNEXPECTED_UNDERSCORE);
    if (settings.strict && facts.hosts > 1) return this.#fail(CODEC_ERROR);

    const http10 = !this.#is11;
    this.http10 = http10;
    if (http10) {
      if (!settings.acceptHttp10) return this.#fail(LOW_VERSION);
      if (facts.host === '' && settings.defaultHostForHttp10 !== '') headers.authority = settings.defaultHostForHttp10;
    }

    const isConnect = method === 'CONNECT';
    this.tunnel = isConnect;
    this.close = endsConnection(facts.connection, this.#is11);
    if (facts.connection !== '') {
      if (facts.upgrade !== '' && hasToken(facts.connection, 'upgrade')) {
        if (facts.upgrade.toLowerCase() === 'h2c') headers.remove('upgrade');
        else this.tunnel = true;
      }
      if (!sanitizeConnection(headers, facts.connection, facts.upgrade.toLowerCase() === 'h2c'))
        return this.#fail(CONNECTION_HEADER_REJECTED);
    }

    if (!this.#frameBody(settings, isConnect)) return Parsed.Failed;
    const refused = setTarget(
      headers,
      text.slice(this.#targetStart - start, this.#targetEnd - start),
      settings.allowAbsoluteUrl,
      isConnect,
    );
    if (refused !== null) return this.#fail(refused);
    return AUTHORITY.test(headers.authority) ? Parsed.Complete : this.#fail(INVALID_AUTHORITY);
  }

  /**
   * Checks the request line alone, which is refused as soon as it is whole.
   * @returns where the fields begin, INCOMPLETE, or BAD_FIELD with `error` set
   */
  parseRequestLine(bytes: Buffer, start: number, end: number, settings: Http1Settings): number {
    // Plainly another protocol, TLS for one: no need to wait for a line.
    if (bytes[start]! < SPACE) return this.#refuse();
    let p = start;
    while (p < end && TOKEN[bytes[p]!] === 1) p++;
    const methodEnd = p;
    if (p < end && !isSeparator(bytes[p]!)) return this.#badLine(bytes, p, end);
    while (p < end && isSeparator(bytes[p]!)) p++;
    const targetStart = p;
    while (p < end && TARGET[bytes[p]!] === 1) p++;
    const targetEnd = p;
    if (p < end && !isSeparator(bytes[p]!) && bytes[p] !== LF) return this.#badLine(bytes, p, end);
    while (p < end && isSeparator(bytes[p]!)) p++;
    const versionStart = p;
    while (p < end && bytes[p] !== LF) p++;
    if (p === end) return INCOMPLETE;
    let versionEnd = p;
    while (versionEnd > versionStart && isSeparator(bytes[versionEnd - 1]!)) versionEnd--;
    this.#targetStart = targetStart;
    this.#targetEnd = targetEnd;
    if (methodEnd === start || targetEnd === targetStart) return this.#refuse();
    if (!this.#setMethod(bytes, start, methodEnd, settings)) return this.#refuse();
    if (!isValidTarget(bytes, targetStart, targetEnd, this.#method === 'CONNECT')) return this.#refuse();
    if (!this.#setVersion(bytes, versionStart, versionEnd)) return this.#refuse();
    if (settings.strict) {
      const plain =
        bytes[methodEnd] === SPACE && targetStart === methodEnd + 1 && bytes[targetEnd] === SPACE && versionStart === targetEnd + 1;
      if (!plain || p !== versionEnd + 1 || bytes[versionEnd] !== CR) return this.#refuse();
    }
    return p + 1;
  }

  #setMethod(bytes: Buffer, start: number, end: number, settings: Http1Settings): boolean {
    const length = end - start;
    if (length === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) {
      this.#method = 'GET';
      return true;
    }
    const text = bytes.latin1Slice(start, end);
    const known = METHODS.get(text);
    this.#method = known ?? text;
    return known !== undefined || settings.allowCustomMethods;
  }

  /** "HTTP/d.d", or nothing for HTTP/0.9. */
  #setVersion(bytes: Buffer, start: number, end: number): boolean {
    this.#is11 = false;
    if (end === start) return true;
    const version = end - start === 8 ? readVersion(bytes, start) : Version.Malformed;
    this.#is11 = version === Version.Http11;
    return version !== Version.Malformed;
  }

  /** A bad line is refused when it is whole, however its bytes came. */
  #badLine(bytes: Buffer, from: number, end: number): number {
    const lineEnd = bytes.indexOf(LF, from);
    return lineEnd < 0 || lineEnd >= end ? INCOMPLETE : this.#refuse(CONTROL[bytes[from]!] === 1 ? INVALID_CHARACTERS : CODEC_ERROR);
  }

  #refuse(error: CodecError = CODEC_ERROR): number {
    this.error = error;
    return BAD_FIELD;
  }

  #fail(error: CodecError): Parsed {
    this.error = error;
    return Parsed.Failed;
  }

  #frameBody(settings: Http1Settings, isConnect: boolean): boolean {
    const facts = this.#facts;
    this.body = BodyKind.None;
    this.contentLength = 0;
    if (facts.transferEncodings > 0) {
      const chunked = facts.transferEncodings === 1 && facts.transferEncoding.toLowerCase() === 'chunked';
      if (facts.contentLengths > 0) {
        if (!chunked || !settings.allowChunkedLength) {
          this.error = CHUNKED_CONTENT_LENGTH;
          return false;
        }
        this.headers.remove('content-length');
      }
      if (!chunked || isConnect) {
        this.error = INVALID_TRANSFER_ENCODING;
        return false;
      }
      this.body = BodyKind.Chunked;
    } else if (facts.contentLengths > 0) {
      const length = facts.contentLengths === 1 ? parseContentLength(facts.contentLength) : -1;
      if (length < 0) {
        this.error = CODEC_ERROR;
        return false;
      }
      if (isConnect && length > 0) {
        this.error = BODY_DISALLOWED;
        return false;
      }
      // A CONNECT has no body (RFC 9110 §9.3.6), so its length says nothing.
      if (isConnect) this.headers.remove('content-length');
      this.contentLength = length;
      this.body = length === 0 ? BodyKind.None : BodyKind.Length;
    }
    if (this.tunnel) this.body = BodyKind.UntilClose;
    return true;
  }
}
