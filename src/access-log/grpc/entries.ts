/** Entries of the two kinds. Source: Envoy's HttpGrpcAccessLog::emitLog and TcpGrpcAccessLog::emitLog. */
import { REDACTED } from '../../http/format/operator.ts';
import type { HeaderMap } from '../../http/header-map.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import type { ProtobufWriter } from '../../runtime/protobuf-writer.ts';
import { type CommonProperties, writeCommonProperties, writeTextEntry } from './common-properties.ts';

export interface HttpProperties extends CommonProperties {
  /** Lower case; values of several lines are joined. */
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  readonly responseTrailers: readonly string[];
  /** FormatEnvironment.redacted; null = none. */
  readonly redacted: ReadonlySet<string> | null;
}

const PROTOCOLS: readonly string[] = ['', 'HTTP/1.0', 'HTTP/1.1', 'HTTP/2', 'HTTP/3'];
/** envoy.config.core.v3.RequestMethod */
const METHODS: readonly string[] = ['', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];

/** The fields of an envoy.data.accesslog.v3.HTTPAccessLogEntry. */
export function writeHttpEntry(out: ProtobufWriter, info: StreamInfo, type: string, what: HttpProperties): void {
  writeCommonProperties(out, 1, info, type, what);
  const protocol = PROTOCOLS.indexOf(info.protocol);
  if (protocol > 0) out.varint(2, protocol);
  writeRequest(out, info, what.requestHeaders, what.redacted);
  writeResponse(out, info, what);
}

/** The fields of an envoy.data.accesslog.v3.TCPAccessLogEntry. */
export function writeTcpEntry(out: ProtobufWriter, info: StreamInfo, type: string, what: CommonProperties): void {
  writeCommonProperties(out, 1, info, type, what);
  const start = out.begin(2);
  writeCount(out, 1, info.bytesReceived);
  writeCount(out, 2, info.bytesSent);
  out.end(start);
}

function writeRequest(out: ProtobufWriter, info: StreamInfo, names: readonly string[], redacted: ReadonlySet<string> | null): void {
  const start = out.begin(3);
  const headers = info.requestHeaders;
  if (headers !== null) {
    const method = METHODS.indexOf(headers.method);
    if (method > 0) out.varint(1, method);
    if (headers.scheme !== '') out.text(2, headers.scheme);
    if (headers.authority !== '') out.text(3, headers.authority);
    if (headers.path !== '') out.text(5, headers.path);
    writeHeader(out, 6, headers, 'user-agent', redacted);
    writeHeader(out, 7, headers, 'referer', redacted);
    writeHeader(out, 8, headers, 'x-forwarded-for', redacted);
    writeHeader(out, 9, headers, 'x-request-id', redacted);
    writeHeader(out, 10, headers, 'x-envoy-original-path', redacted);
    writeCount(out, 11, headers.byteSize());
  }
  writeCount(out, 12, info.bytesReceived);
  writeHeaders(out, 13, headers, names, redacted);
  if (info.upstreamBytes !== null) writeCount(out, 14, info.upstreamBytes.headerBytesSent);
  if (info.downstreamBytes !== null) writeCount(out, 15, info.downstreamBytes.headerBytesReceived);
  out.end(start);
}

function writeResponse(out: ProtobufWriter, info: StreamInfo, what: HttpProperties): void {
  const start = out.begin(4);
  if (info.responseCode !== 0) {
    const code = out.begin(1);
    out.varint(1, info.responseCode);
    out.end(code);
  }
  if (info.responseHeaders !== null) writeCount(out, 2, info.responseHeaders.byteSize());
  writeCount(out, 3, info.bytesSent);
  writeHeaders(out, 4, info.responseHeaders, what.responseHeaders, what.redacted);
  writeHeaders(out, 5, info.responseTrailers, what.responseTrailers, what.redacted);
  if (info.responseCodeDetails !== '') out.text(6, info.responseCodeDetails);
  if (info.upstreamBytes !== null) writeCount(out, 7, info.upstreamBytes.headerBytesReceived);
  if (info.downstreamBytes !== null) writeCount(out, 8, info.downstreamBytes.headerBytesSent);
  out.end(start);
}

function writeCount(out: ProtobufWriter, field: number, count: number): void {
  if (count > 0) out.varint(field, count);
}

function writeHeader(out: ProtobufWriter, field: number, headers: HeaderMap, name: string, redacted: ReadonlySet<string> | null): void {
  const value = headers.get(name);
  if (value !== undefined && value !== '') out.text(field, redacted?.has(name) === true ? REDACTED : value);
}

function writeHeaders(
  out: ProtobufWriter,
  field: number,
  headers: HeaderMap | null,
  names: readonly string[],
  redacted: ReadonlySet<string> | null,
): void {
  if (headers === null) return;
  for (let i = 0; i < names.length; i++) {
    const value = headers.lookup(names[i]!);
    if (value !== undefined) writeTextEntry(out, field, names[i]!, redacted?.has(names[i]!) === true ? REDACTED : value);
  }
}
