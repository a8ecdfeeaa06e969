/** What heads of requests and of responses have in common before their fields are looked at. RFC 9112 §2.3, §5. */
import type { CodecError } from '../codec.ts';
import { CODEC_ERROR, HEADERS_TOO_LARGE, INVALID_CHARACTERS, TOO_MANY_HEADERS } from './codec-errors.ts';
import { hasToken } from './connection-header.ts';
import { BAD_CHARACTER, BAD_FIELD, type FieldTable, INCOMPLETE, scanFields } from './field-scan.ts';
import type { Http1Settings } from './settings.ts';

/** Results of `readVersion`. */
export const Version = { Malformed: -1, Other: 0, Http11: 1 } as const;
export type Version = (typeof Version)[keyof typeof Version];

/** "HTTP/d.d" at `at`; bytes that are not there are no part of it. */
export function readVersion(bytes: Buffer, at: number): Version {
  if (bytes[at] !== 0x48 || bytes[at + 1] !== 0x54 || bytes[at + 2] !== 0x54 || bytes[at + 3] !== 0x50) return Version.Malformed;
  if (bytes[at + 4] !== 0x2f || bytes[at + 6] !== 0x2e) return Version.Malformed;
  const major = bytes[at + 5]! - 0x30;
  const minor = bytes[at + 7]! - 0x30;
  if (!(major >= 0 && major <= 9 && minor >= 0 && minor <= 9)) return Version.Malformed;
  return major === 1 && minor === 1 ? Version.Http11 : Version.Other;
}

/**
 * The fields of the head that begins at `start`, within the limits of `settings`.
 * @returns where the head ends, INCOMPLETE, or BAD_FIELD with `table.error` set
 */
export function scanHead(
  bytes: Buffer,
  start: number,
  fieldsStart: number,
  end: number,
  table: FieldTable,
  settings: Http1Settings,
): number {
  const headEnd = scanFields(bytes, fieldsStart, end, table);
  const limit = settings.maxHeadersKb * 1024;
  if (headEnd === INCOMPLETE) return end - start > limit ? refuse(table, HEADERS_TOO_LARGE) : INCOMPLETE;
  if (headEnd < 0) return refuse(table, headEnd === BAD_CHARACTER ? INVALID_CHARACTERS : CODEC_ERROR);
  if (headEnd - start > limit) return refuse(table, HEADERS_TOO_LARGE);
  if (table.count > settings.maxHeadersCount) return refuse(table, TOO_MANY_HEADERS);
  return settings.strict && (table.messy || table.bareLf) ? refuse(table, CODEC_ERROR) : headEnd;
}

function refuse(table: FieldTable, error: CodecError): number {
  table.error = error;
  return BAD_FIELD;
}

/** Whether the connection ends with this message. @param connection the Connection header; '' */
export function endsConnection(connection: string, http11: boolean): boolean {
  if (connection === '') return !http11;
  return hasToken(connection, 'close') || (!http11 && !hasToken(connection, 'keep-alive'));
}
