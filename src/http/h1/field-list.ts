/** Turns scanned field lines into a header map, and notes what the codec must know of them to frame the message. */

import type { HeaderMap, RequestHeaders } from '../header-map.ts';
import { CR, LF, SPACE, TAB } from './char-table.ts';
import { FieldKind, fieldName, SINGLE_WORDS } from './field-names.ts';
import { type FieldTable, STRIDE } from './field-scan.ts';

/** Facts of the head read last; read out before the next one is parsed. */
export class HeadFacts {
  /** Host as sent; several are joined with ','. */
  host: string;
  hosts: number;
  contentLength: string;
  contentLengths: number;
  transferEncoding: string;
  transferEncodings: number;
  connection: string;
  upgrade: string;
  underscores: number;
  /** Names and values as they came, with ":" and CRLF of each line. */
  fieldBytes: number;

  constructor() {
    this.host = '';
    this.hosts = 0;
    this.contentLength = '';
    this.contentLengths = 0;
    this.transferEncoding = '';
    this.transferEncodings = 0;
    this.connection = '';
    this.upgrade = '';
    this.underscores = 0;
    this.fieldBytes = 0;
  }

  clear(): void {
    this.host = '';
    this.hosts = 0;
    this.contentLength = '';
    this.contentLengths = 0;
    this.transferEncoding = '';
    this.transferEncodings = 0;
    this.connection = '';
    this.upgrade = '';
    this.underscores = 0;
    this.fieldBytes = 0;
  }
}

/** Which single-value headers the list that is being filled has already. */
const seen = new Int32Array(SINGLE_WORDS);

/**
 * @param bytes that were scanned
 * @param text latin1 text of them, from `base` on
 * @param request where Host goes to `facts` and not into the list; null for responses and trailers
 * @param dropUnderscores leave out lines whose name holds '_'
 * @param keepSpelling record the names as they came
 */
export function fillHeaders(
  headers: HeaderMap,
  request: RequestHeaders | null,
  bytes: Buffer,
  text: string,
  base: number,
  table: FieldTable,
  facts: HeadFacts,
  dropUnderscores: boolean,
  keepSpelling: boolean,
): void {
  const at = table.at;
  const names = headers.names;
  const values = headers.values;
  const spellings: string[] | null = keepSpelling ? [] : null;
  seen.fill(0);
  facts.clear();
  for (let i = 0, n = table.count * STRIDE; i < n; i += STRIDE) {
    const field = fieldName(bytes, at[i]!, at[i + 1]!, at[i + 4]!);
    let value = text.slice(at[i + 2]! - base, at[i + 3]! - base);
    if (table.messy) value = cleanValue(value);
    facts.fieldBytes += at[i + 1]! - at[i]! + value.length + 3;
    if (field.hasUnderscore) {
      facts.underscores++;
      if (dropUnderscores) continue;
    }
    if (spellings !== null) spellings.push(field.raw);
    switch (field.kind) {
      case FieldKind.Host:
        if (request !== null) {
          facts.host = facts.hosts++ === 0 ? value : facts.host + ',' + value;
          continue;
        }
        break;
      case FieldKind.ContentLength:
        facts.contentLength = value;
        facts.contentLengths++;
        break;
      case FieldKind.TransferEncoding:
        facts.transferEncoding = value;
        facts.transferEncodings++;
        break;
      case FieldKind.Connection:
        facts.connection = facts.connection === '' ? value : facts.connection + ',' + value;
        break;
      case FieldKind.Upgrade:
        facts.upgrade = facts.upgrade === '' ? value : facts.upgrade + ',' + value;
        break;
      default:
    }
    const single = request !== null ? field.singleInRequests : field.singleInResponses;
    if (single >= 0) {
      const word = single >> 5;
      const bit = 1 << (single & 31);
      if ((seen[word]! & bit) !== 0) {
        headers.append(field.name, value);
        continue;
      }
      seen[word]! |= bit;
    }
    names.push(field.name);
    values.push(value);
  }
  headers.rawNames = spellings;
}

/** Line ends inside the value (a folded line, a stray CR) are dropped: what goes on is one clean line. */
function cleanValue(value: string): string {
  let clean = '';
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c !== CR && c !== LF) clean += value[i]!;
  }
  let start = 0;
  let end = clean.length;
  while (start < end && isBlank(clean.charCodeAt(start))) start++;
  while (end > start && isBlank(clean.charCodeAt(end - 1))) end--;
  return clean.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
