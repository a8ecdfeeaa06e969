/** Spans as OpenTelemetry takes them: opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest. */
import { ProtobufWriter } from '../../runtime/protobuf-writer.ts';
import type { Span } from '../span.ts';

/** Who reports, encoded once: Resource and InstrumentationScope. */
export interface OtlpSource {
  readonly resource: ProtobufWriter;
  readonly scope: ProtobufWriter | null;
}

/** @param version the proxy's own */
export function otlpSource(attributes: readonly (readonly [string, string])[], sdk: boolean, scoped: boolean, version: string): OtlpSource {
  const resource = new ProtobufWriter();
  for (const [name, value] of attributes) resource.message(1, keyValue(name, value));
  if (sdk) {
    resource.message(1, keyValue('telemetry.sdk.language', 'nodejs'));
    resource.message(1, keyValue('telemetry.sdk.name', 'outrider'));
    resource.message(1, keyValue('telemetry.sdk.version', version));
  }
  return { resource, scope: scoped ? new ProtobufWriter().text(1, 'envoy').text(2, version) : null };
}

export function encodeOtlp(spans: readonly Span[], source: OtlpSource): Buffer {
  const ofScope = new ProtobufWriter();
  if (source.scope !== null) ofScope.message(1, source.scope);
  for (const span of spans) ofScope.message(2, encodeSpan(span));
  const ofResource = new ProtobufWriter().message(1, source.resource).message(2, ofScope);
  return new ProtobufWriter().message(1, ofResource).finish();
}

const KIND = { SERVER: 2, CLIENT: 3 } as const;
const STATUS_ERROR = 2;
/** SpanFlags: sampled; it is known whether the parent is remote; it is. */
const SAMPLED = 1;
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

function encodeSpan(span: Span): ProtobufWriter {
  const message = new ProtobufWriter().bytes(1, Buffer.from(span.traceId, 'hex')).bytes(2, Buffer.from(span.id, 'hex'));
  if (span.traceState !== '') message.text(3, span.traceState);
  if (span.parentId !== '') message.bytes(4, Buffer.from(span.parentId, 'hex'));
  message.text(5, span.name).varint(6, KIND[span.kind]).fixed64(7, nanos(span.startMs)).fixed64(8, nanos(span.endMs));
  for (let i = 0; i < span.tags.length; i += 2) message.message(9, keyValue(span.tags[i]!, span.tags[i + 1]!));
  for (const event of span.events ?? []) message.message(11, new ProtobufWriter().fixed64(1, nanos(event.timeMs)).text(2, event.name));
  if (isError(span)) message.message(15, new ProtobufWriter().varint(3, STATUS_ERROR));
  return message.fixed32(16, HAS_IS_REMOTE | (span.remoteParent ? IS_REMOTE : 0) | SAMPLED);
}

/** Of the HTTP status: 5xx for anybody, 4xx for who asked (semantic conventions for HTTP spans). */
function isError(span: Span): boolean {
  const status = Number(span.tag('http.status_code') ?? '0');
  return status >= 500 || (status >= 400 && span.kind === 'CLIENT');
}

function nanos(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}

function keyValue(name: string, value: string): ProtobufWriter {
  return new ProtobufWriter().text(1, name).message(2, new ProtobufWriter().text(1, value));
}
