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
  for (const [name, value] of attributes) writeKeyValue(resource, 1, name, value);
  if (sdk) {
    writeKeyValue(resource, 1, 'telemetry.sdk.language', 'nodejs');
    writeKeyValue(resource, 1, 'telemetry.sdk.name', 'outrider');
    writeKeyValue(resource, 1, 'telemetry.sdk.version', version);
  }
  return { resource, scope: scoped ? new ProtobufWriter().text(1, 'envoy').text(2, version) : null };
}

/** Of a batch of a few spans: larger than most, so that it need not grow. */
const BATCH_BYTES = 8192;

export function encodeOtlp(spans: readonly Span[], source: OtlpSource): Buffer {
  const out = new ProtobufWriter(BATCH_BYTES);
  const ofResource = out.begin(1);
  out.message(1, source.resource);
  const ofScope = out.begin(2);
  if (source.scope !== null) out.message(1, source.scope);
  for (const span of spans) writeSpan(out, span);
  return out.end(ofScope).end(ofResource).finish();
}

const KIND = { SERVER: 2, CLIENT: 3 } as const;
const STATUS_ERROR = 2;
/** SpanFlags: sampled; it is known whether the parent is remote; it is. */
const SAMPLED = 1;
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

function writeSpan(out: ProtobufWriter, span: Span): void {
  const start = out.begin(2);
  out.bytes(1, Buffer.from(span.traceId, 'hex')).bytes(2, Buffer.from(span.id, 'hex'));
  if (span.traceState !== '') out.text(3, span.traceState);
  if (span.parentId !== '') out.bytes(4, Buffer.from(span.parentId, 'hex'));
  out.text(5, span.name).varint(6, KIND[span.kind]).fixed64(7, nanos(span.startMs)).fixed64(8, nanos(span.endMs));
  for (let i = 0; i < span.tags.length; i += 2) writeKeyValue(out, 9, span.tags[i]!, span.tags[i + 1]!);
  for (const event of span.events ?? []) {
    const at = out.begin(11);
    out.fixed64(1, nanos(event.timeMs)).text(2, event.name).end(at);
  }
  if (isError(span)) {
    const status = out.begin(15);
    out.varint(3, STATUS_ERROR).end(status);
  }
  out.fixed32(16, HAS_IS_REMOTE | (span.remoteParent ? IS_REMOTE : 0) | SAMPLED).end(start);
}

/** Of the HTTP status: 5xx for anybody, 4xx for who asked (semantic conventions for HTTP spans). */
function isError(span: Span): boolean {
  const status = Number(span.tag('http.status_code') ?? '0');
  return status >= 500 || (status >= 400 && span.kind === 'CLIENT');
}

function nanos(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}

function writeKeyValue(out: ProtobufWriter, field: number, name: string, value: string): void {
  const pair = out.begin(field);
  const any = out.text(1, name).begin(2);
  out.text(1, value).end(any).end(pair);
}
