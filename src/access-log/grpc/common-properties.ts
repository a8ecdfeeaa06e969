/** envoy.data.accesslog.v3.AccessLogCommon of a stream. Source: Envoy's GrpcCommon::Utility::extractCommonAccessLogProperties. */
import type { CustomTag } from '../../http/custom-tags.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { wireText } from '../../http/wire-text.ts';
import type { Address } from '../../net/address.ts';
import type { CertificateInfo, TlsInfo } from '../../net/tls-info.ts';
import type { ProtobufWriter } from '../../runtime/protobuf-writer.ts';
import { CIPHER_SUITES } from './cipher-suites.ts';

/** Numbers of envoy.data.accesslog.v3.AccessLogType. */
const TYPES = [
  'NotSet',
  'TcpUpstreamConnected',
  'TcpPeriodic',
  'TcpConnectionEnd',
  'DownstreamStart',
  'DownstreamPeriodic',
  'DownstreamEnd',
  'UpstreamPoolReady',
  'UpstreamPeriodic',
  'UpstreamEnd',
  'DownstreamTunnelSuccessfullyEstablished',
] as const;

/** What is configured of it. */
export interface CommonProperties {
  readonly filterStateObjects: readonly string[];
  readonly customTags: readonly CustomTag[];
}

/** @param field of the entry that the message is */
export function writeCommonProperties(out: ProtobufWriter, field: number, info: StreamInfo, type: string, what: CommonProperties): void {
  const start = out.begin(field);
  const { connection } = info;
  writeAddress(out, 2, info.remoteAddress);
  writeAddress(out, 3, connection.localAddress);
  if (connection.tls !== null) writeTls(out, connection.tls, connection.requestedServerName, connection.tlsFingerprints?.ja3 ?? '');
  writeTime(out, 5, info.startWallMs);
  writeMoments(out, info);
  writeUpstream(out, info);
  if (info.flags !== 0) writeFlags(out, info.flags);
  if (info.dynamicMetadata !== null && info.dynamicMetadata.size > 0) writeMetadata(out, info.dynamicMetadata);
  if (info.routeName !== '') out.text(19, info.routeName);
  writeAddress(out, 20, connection.directRemoteAddress);
  for (let i = 0; i < what.filterStateObjects.length; i++) writeFilterState(out, what.filterStateObjects[i]!, info);
  for (let i = 0; i < what.customTags.length; i++) {
    const value = what.customTags[i]!.value(info);
    if (value !== '') writeTextEntry(out, 22, what.customTags[i]!.name, value);
  }
  if (info.endMs >= 0) writeDuration(out, 23, info.endMs - info.startMs);
  if (info.attemptCount > 0) out.varint(24, info.attemptCount);
  if (info.connectionTerminationDetails !== '') out.text(25, info.connectionTerminationDetails);
  const id = info.streamId === '' ? info.requestHeaders?.get('x-request-id') : info.streamId;
  if (id !== undefined && id !== '') out.text(26, id);
  if (info.endMs < 0) out.varint(27, 1);
  if (info.downstreamTransportFailureReason !== '') out.text(28, info.downstreamTransportFailureReason);
  writeByteCounts(out, info);
  const number = TYPES.indexOf(type as (typeof TYPES)[number]);
  if (number > 0) out.varint(33, number);
  out.end(start);
}

/** An entry of a map<string, string>. @param value wire text */
export function writeTextEntry(out: ProtobufWriter, field: number, key: string, value: string): void {
  const start = out.begin(field);
  out.text(1, key).text(2, value);
  out.end(start);
}

/** envoy.config.core.v3.Address */
function writeAddress(out: ProtobufWriter, field: number, address: Address | null): void {
  if (address === null) return;
  const start = out.begin(field);
  const inner = out.begin(address.kind === 'ip' ? 1 : 2);
  if (address.kind === 'ip') out.text(2, address.ip).varint(3, address.port);
  else out.text(1, address.path);
  out.end(inner);
  out.end(start);
}

/** google.protobuf.Timestamp */
function writeTime(out: ProtobufWriter, field: number, wallMs: number): void {
  const micros = Math.round(wallMs * 1000);
  writeSecondsAndNanos(out, field, Math.floor(micros / 1_000_000), (micros % 1_000_000) * 1000);
}

/** google.protobuf.Duration; a moment that has not come is left out. */
function writeDuration(out: ProtobufWriter, field: number, ms: number): void {
  const nanos = Math.max(0, Math.round(ms * 1e6));
  writeSecondsAndNanos(out, field, Math.floor(nanos / 1e9), nanos % 1e9);
}

function writeSecondsAndNanos(out: ProtobufWriter, field: number, seconds: number, nanos: number): void {
  const start = out.begin(field);
  if (seconds !== 0) out.varint(1, seconds);
  if (nanos !== 0) out.varint(2, nanos);
  out.end(start);
}

function writeMoments(out: ProtobufWriter, info: StreamInfo): void {
  writeMoment(out, 6, info.lastDownstreamRxMs, info.startMs);
  writeMoment(out, 7, info.firstUpstreamTxMs, info.startMs);
  writeMoment(out, 8, info.lastUpstreamTxMs, info.startMs);
  writeMoment(out, 9, info.firstUpstreamRxMs, info.startMs);
  writeMoment(out, 10, info.lastUpstreamRxMs, info.startMs);
  writeMoment(out, 11, info.firstDownstreamTxMs, info.startMs);
  writeMoment(out, 12, info.lastDownstreamTxMs, info.startMs);
}

function writeMoment(out: ProtobufWriter, field: number, atMs: number, startMs: number): void {
  if (atMs >= 0) writeDuration(out, field, atMs - startMs);
}

function writeUpstream(out: ProtobufWriter, info: StreamInfo): void {
  if (info.upstreamHost !== null) {
    writeAddress(out, 13, info.upstreamHost.address);
    out.text(15, info.upstreamCluster);
  }
  writeAddress(out, 14, info.upstreamLocalAddress);
  if (info.upstreamTransportFailureReason !== '') out.text(18, info.upstreamTransportFailureReason);
}

/** envoy.data.accesslog.v3.ResponseFlags numbers its fields as the flags are numbered, but for these. */
const UNAUTHORIZED = 12;
const DROP_OVERLOAD = 27;

function writeFlags(out: ProtobufWriter, flags: number): void {
  const start = out.begin(16);
  for (let bit = 0; bit < 29; bit++) {
    if ((flags & (1 << bit)) === 0 || bit === DROP_OVERLOAD) continue;
    if (bit === UNAUTHORIZED) {
      // Reason EXTERNAL_SERVICE.
      const details = out.begin(13);
      out.varint(1, 1);
      out.end(details);
    } else out.varint(bit < DROP_OVERLOAD ? bit + 1 : bit, 1);
  }
  out.end(start);
}

function writeByteCounts(out: ProtobufWriter, info: StreamInfo): void {
  const { downstreamBytes, upstreamBytes } = info;
  if (downstreamBytes !== null) {
    if (downstreamBytes.wireBytesSent > 0) out.varint(29, downstreamBytes.wireBytesSent);
    if (downstreamBytes.wireBytesReceived > 0) out.varint(30, downstreamBytes.wireBytesReceived);
  }
  if (upstreamBytes !== null) {
    if (upstreamBytes.wireBytesSent > 0) out.varint(31, upstreamBytes.wireBytesSent);
    if (upstreamBytes.wireBytesReceived > 0) out.varint(32, upstreamBytes.wireBytesReceived);
  }
}

/** envoy.config.core.v3.Metadata */
function writeMetadata(out: ProtobufWriter, metadata: ReadonlyMap<string, Record<string, unknown>>): void {
  const start = out.begin(17);
  for (const [namespace, values] of metadata) {
    const entry = out.begin(1);
    out.text(1, wireText(namespace));
    const struct = out.begin(2);
    writeStruct(out, values);
    out.end(struct);
    out.end(entry);
  }
  out.end(start);
}

/** The fields of a google.protobuf.Struct. */
function writeStruct(out: ProtobufWriter, values: Readonly<Record<string, unknown>>): void {
  for (const key of Object.keys(values)) {
    const entry = out.begin(1);
    out.text(1, wireText(key));
    const value = out.begin(2);
    writeValue(out, values[key]);
    out.end(value);
    out.end(entry);
  }
}

/** The field of a google.protobuf.Value. */
function writeValue(out: ProtobufWriter, value: unknown): void {
  if (value === null || value === undefined) out.varint(1, 0);
  else if (typeof value === 'number') out.double(2, value);
  else if (typeof value === 'string') out.text(3, wireText(value));
  else if (typeof value === 'boolean') out.varint(4, value ? 1 : 0);
  else {
    const start = out.begin(Array.isArray(value) ? 6 : 5);
    if (Array.isArray(value)) {
      for (const item of value) {
        const one = out.begin(1);
        writeValue(out, item);
        out.end(one);
      }
    } else writeStruct(out, value as Record<string, unknown>);
    out.end(start);
  }
}

/** As google.protobuf.Any: a text as StringValue, anything else as the Struct that its JSON is. */
function writeFilterState(out: ProtobufWriter, key: string, info: StreamInfo): void {
  const object = info.filterState?.get(key);
  if (object === undefined || object === null) return;
  const entry = out.begin(21);
  out.text(1, wireText(key));
  const any = out.begin(2);
  if (typeof object === 'object') {
    out.text(1, 'type.googleapis.com/google.protobuf.Struct');
    const value = out.begin(2);
    writeStruct(out, object as Record<string, unknown>);
    out.end(value);
  } else {
    out.text(1, 'type.googleapis.com/google.protobuf.StringValue');
    const value = out.begin(2);
    out.text(1, wireText(String(object)));
    out.end(value);
  }
  out.end(any);
  out.end(entry);
}

const VERSIONS: readonly string[] = ['', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/** envoy.data.accesslog.v3.TLSProperties */
function writeTls(out: ProtobufWriter, tls: TlsInfo, serverName: string, ja3: string): void {
  const start = out.begin(4);
  const version = VERSIONS.indexOf(tls.version);
  if (version > 0) out.varint(1, version);
  const suite = CIPHER_SUITES.get(tls.cipher);
  if (suite !== undefined) {
    const value = out.begin(2);
    out.varint(1, suite);
    out.end(value);
  }
  if (serverName !== '') out.text(3, serverName);
  writeCertificate(out, 4, tls.local, false);
  writeCertificate(out, 5, tls.peer, true);
  // A server knows its sessions of TLS 1.3 by tickets.
  if (tls.sessionId !== '' && tls.version !== 'TLSv1.3') out.text(6, tls.sessionId);
  if (ja3 !== '') out.text(7, ja3);
  out.end(start);
}

function writeCertificate(out: ProtobufWriter, field: number, certificate: CertificateInfo | null, issuer: boolean): void {
  const start = out.begin(field);
  if (certificate !== null) {
    // Envoy tells no names of other kinds.
    for (const uri of certificate.uriSans) writeUriName(out, uri);
    if (certificate.subject !== '') out.text(2, certificate.subject);
    if (issuer && certificate.issuer !== '') out.text(3, certificate.issuer);
  }
  out.end(start);
}

function writeUriName(out: ProtobufWriter, uri: string): void {
  const start = out.begin(1);
  out.text(1, uri);
  out.end(start);
}
