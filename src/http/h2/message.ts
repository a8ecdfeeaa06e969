/** Decoded fields to messages, and the rules that a message must keep. Source: RFC 9113 §8.2 and §8.3. */

import { FieldKind, SINGLE_WORDS } from '../h1/field-names.ts';
import { HeaderMap, RequestHeaders, ResponseHeaders } from '../header-map.ts';
import { isValidAuthority } from './authority.ts';
import type { HpackDecoder } from './hpack-decoder.ts';

export type Underscores = 'allow' | 'reject' | 'drop';

const seen = new Int32Array(SINGLE_WORDS);

/** What the last message said, beside its fields; read out before the next one is made. */
export const facts = {
  /** Content-Length; -1 = none. */
  contentLength: -1,
  /** Fields left out because of an underscore. */
  dropped: 0,
  /** The message was refused for an underscore only. */
  underscore: false,
  /** The message was refused for one field, not for what is missing or does not fit together. */
  badField: false,
};

/** @returns null if the request is malformed */
export function readRequest(block: HpackDecoder, underscores: Underscores): RequestHeaders | null {
  const headers = new RequestHeaders();
  const pseudo = fill(headers, headers, block, underscores, true);
  if (pseudo < 0) return null;
  const connect = headers.method === 'CONNECT';
  if ((pseudo & Pseudo.Method) === 0 || (pseudo & Pseudo.Status) !== 0) return null;
  if ((pseudo & Pseudo.Protocol) !== 0) {
    // RFC 8441 §4: an extended CONNECT has a target like any other request.
    if (!connect || (pseudo & Pseudo.Target) !== Pseudo.Target) return null;
  } else if (connect) {
    if ((pseudo & (Pseudo.Path | Pseudo.Scheme)) !== 0 || (pseudo & Pseudo.Authority) === 0) return null;
  } else if ((pseudo & (Pseudo.Path | Pseudo.Scheme)) !== (Pseudo.Path | Pseudo.Scheme) || !isValidPath(headers)) return null;
  return (pseudo & Pseudo.Authority) === 0 ? null : headers;
}

/** RFC 9113 §8.3.1: the path of an http URI, or the asterisk of OPTIONS. */
function isValidPath(headers: RequestHeaders): boolean {
  if (headers.path.charCodeAt(0) === 0x2f || (headers.scheme !== 'http' && headers.scheme !== 'https')) return headers.path !== '';
  return headers.path === '*' && headers.method === 'OPTIONS';
}

/** @returns null if the response is malformed */
export function readResponse(block: HpackDecoder): ResponseHeaders | null {
  const headers = new ResponseHeaders();
  const pseudo = fill(headers, null, block, 'allow', true);
  return pseudo === Pseudo.Status && headers.status >= 100 && headers.status !== 101 ? headers : null;
}

/** @returns null if they are malformed */
export function readTrailers(block: HpackDecoder, underscores: Underscores): HeaderMap | null {
  const trailers = new HeaderMap();
  return fill(trailers, null, block, underscores, false) === 0 ? trailers : null;
}

const Pseudo = { Method: 1, Scheme: 2, Authority: 4, Path: 8, Protocol: 16, Status: 32, Target: 14 } as const;

/** @returns the pseudo headers there were, or -1 if the block breaks a rule */
function fill(
  headers: HeaderMap,
  request: RequestHeaders | null,
  block: HpackDecoder,
  underscores: Underscores,
  pseudoAllowed: boolean,
): number {
  const { fields, values, count } = block;
  const names = headers.names;
  const list = headers.values;
  let pseudo = 0;
  let regular = false;
  let cookie: string | null = null;
  let host: string | null = null;
  seen.fill(0);
  facts.contentLength = -1;
  facts.dropped = 0;
  facts.underscore = false;
  facts.badField = true;
  for (let i = 0; i < count; i++) {
    const field = fields[i]!;
    const name = field.name;
    const value = values[i]!;
    if (name.charCodeAt(0) === 0x3a) {
      const bit = regular || !pseudoAllowed ? 0 : pseudoBit(name);
      if (bit === 0 || (pseudo & bit) !== 0 || !setPseudo(headers, request, bit, value)) return -1;
      pseudo |= bit;
      continue;
    }
    regular = true;
    if (field.hasUnderscore && underscores !== 'allow') {
      if (underscores === 'reject') {
        facts.underscore = true;
        return -1;
      }
      facts.dropped++;
      continue;
    }
    switch (field.kind) {
      case FieldKind.Host:
        if (request !== null) {
          if (host !== null && host !== value) return -1;
          host = value;
          continue;
        }
        break;
      case FieldKind.ContentLength: {
        const length = parseLength(value);
        if (length < 0 || (facts.contentLength >= 0 && facts.contentLength !== length)) return -1;
        facts.contentLength = length;
        break;
      }
      case FieldKind.Connection:
      case FieldKind.TransferEncoding:
      case FieldKind.Upgrade:
        return -1;
      default:
    }
    if (isForbidden(name, value)) return -1;
    if (name === 'cookie' && request !== null) {
      // RFC 9113 §8.2.3: crumbs are put together before they leave HTTP/2; behind everything else, as in Envoy.
      cookie = cookie === null ? value : cookie + '; ' + value;
      continue;
    }
    const single = request !== null ? field.singleInRequests : field.singleInResponses;
    if (single >= 0) {
      const word = single >> 5;
      const bit = 1 << (single & 31);
      if ((seen[word]! & bit) !== 0) {
        headers.append(name, value);
        continue;
      }
      seen[word]! |= bit;
    }
    names.push(name);
    list.push(value);
  }
  if (cookie !== null) {
    names.push('cookie');
    list.push(cookie);
  }
  if (request !== null && host !== null && (pseudo & Pseudo.Authority) === 0) {
    request.authority = host;
    request.emptyHost = host === '';
    pseudo |= Pseudo.Authority;
  }
  facts.badField = false;
  return pseudo;
}

function pseudoBit(name: string): number {
  switch (name) {
    case ':method':
      return Pseudo.Method;
    case ':scheme':
      return Pseudo.Scheme;
    case ':authority':
      return Pseudo.Authority;
    case ':path':
      return Pseudo.Path;
    case ':protocol':
      return Pseudo.Protocol;
    case ':status':
      return Pseudo.Status;
    default:
      return 0;
  }
}

function setPseudo(headers: HeaderMap, request: RequestHeaders | null, bit: number, value: string): boolean {
  if (request === null) {
    if (bit !== Pseudo.Status || value.length !== 3) return false;
    const status = Number(value);
    (headers as ResponseHeaders).status = status;
    return Number.isInteger(status) && status > 0;
  }
  switch (bit) {
    case Pseudo.Method:
      request.method = value;
      return value !== '';
    case Pseudo.Scheme:
      request.scheme = value;
      return true;
    case Pseudo.Authority:
      request.authority = value;
      return value !== '' && isValidAuthority(value);
    case Pseudo.Path:
      request.path = value;
      return true;
    default:
      request.protocol = value;
      return bit === Pseudo.Protocol;
  }
}

/** Further connection-specific fields (RFC 9113 §8.2.2). */
function isForbidden(name: string, value: string): boolean {
  switch (name.length) {
    case 2:
      return name === 'te' && value.toLowerCase() !== 'trailers';
    case 10:
      return name === 'keep-alive';
    case 16:
      return name === 'proxy-connection';
    default:
      return false;
  }
}

function parseLength(value: string): number {
  if (value.length === 0 || value.length > 15) return -1;
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}
