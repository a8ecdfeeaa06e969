/** Spans as Zipkin v2 takes them: a JSON list, or zipkin.proto3.ListOfSpans. */
import { ProtobufWriter, utf8 } from '../../runtime/protobuf-writer.ts';
import type { Span } from '../span.ts';

/** Who reports. */
export interface ZipkinEndpoint {
  /** The service cluster. */
  readonly serviceName: string;
  /** This machine's address. */
  readonly ip: string;
}

export interface ZipkinFormatOptions {
  readonly endpoint: ZipkinEndpoint;
  readonly sharedSpanContext: boolean;
}

/** Of a batch of a few spans: larger than most, so that it need not grow. */
const BATCH_BYTES = 8192;

const micros = (ms: number): number => Math.round(ms * 1000);

/** Zipkin refuses a duration of 0. */
const durationOf = (span: Span): number => Math.max(1, micros(span.endMs) - micros(span.startMs));

/** The moment when the answer was there, or sent. */
const lastWord = (span: Span): string => (span.kind === 'CLIENT' ? 'cr' : 'ss');

export function encodeZipkinJson(spans: readonly Span[], options: ZipkinFormatOptions): Buffer {
  const { serviceName, ip } = options.endpoint;
  const localEndpoint = { serviceName: text(serviceName), [ip.includes(':') ? 'ipv6' : 'ipv4']: ip, port: 0 };
  return Buffer.from(
    JSON.stringify(
      spans.map((span) => ({
        traceId: span.traceId,
        ...(span.parentId === '' ? {} : { parentId: span.parentId }),
        id: span.id,
        kind: span.kind,
        ...(span.name === '' ? {} : { name: text(span.name) }),
        timestamp: micros(span.startMs),
        duration: durationOf(span),
        localEndpoint,
        annotations: annotations(span),
        tags: tags(span),
        ...(options.sharedSpanContext && span.kind === 'SERVER' ? { shared: true } : {}),
      })),
    ),
  );
}

function annotations(span: Span): { timestamp: number; value: string }[] {
  const list = (span.events ?? []).map((event) => ({ timestamp: micros(event.timeMs), value: event.name }));
  list.push({ timestamp: micros(span.endMs), value: lastWord(span) });
  return list;
}

/** Envoy leaves empty ones out. */
function tags(span: Span): Record<string, string> {
  const record: Record<string, string> = {};
  for (let i = 0; i < span.tags.length; i += 2) if (span.tags[i + 1] !== '') record[text(span.tags[i]!)] = text(span.tags[i + 1]!);
  return record;
}

const NOT_ASCII = /[\u0080-\u00ff]/;

/** Wire text as a string of characters. */
function text(wire: string): string {
  return NOT_ASCII.test(wire) ? utf8(wire).toString('utf8') : wire;
}

export function encodeZipkinProto(spans: readonly Span[], options: ZipkinFormatOptions): Buffer {
  const out = new ProtobufWriter(BATCH_BYTES);
  const endpoint = new ProtobufWriter().text(1, options.endpoint.serviceName);
  const ip = options.endpoint.ip;
  if (!ip.includes(':')) endpoint.bytes(2, Buffer.from(ip.split('.').map(Number)));
  for (const span of spans) {
    const start = out.begin(1);
    out.bytes(1, Buffer.from(span.traceId, 'hex'));
    if (span.parentId !== '') out.bytes(2, Buffer.from(span.parentId, 'hex'));
    out
      .bytes(3, Buffer.from(span.id, 'hex'))
      .varint(4, span.kind === 'CLIENT' ? 1 : 2)
      .text(5, span.name)
      .fixed64(6, BigInt(micros(span.startMs)))
      .varint(7, durationOf(span))
      .message(8, endpoint);
    for (const { timestamp, value } of annotations(span)) {
      const annotation = out.begin(10);
      out.fixed64(1, BigInt(timestamp)).text(2, value).end(annotation);
    }
    for (let i = 0; i < span.tags.length; i += 2) {
      if (span.tags[i + 1] === '') continue;
      const tag = out.begin(11);
      out
        .text(1, span.tags[i]!)
        .text(2, span.tags[i + 1]!)
        .end(tag);
    }
    if (options.sharedSpanContext && span.kind === 'SERVER') out.varint(13, 1);
    out.end(start);
  }
  return out.finish();
}
