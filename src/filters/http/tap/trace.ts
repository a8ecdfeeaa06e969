/** Traces as bytes: envoy.data.tap.v3.TraceWrapper as JSON or on the wire. */
import { REDACTED } from '../../../http/format/operator.ts';
import type { HeaderMap } from '../../../http/header-map.ts';
import { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { ProtobufWriter, utf8 } from '../../../runtime/protobuf-writer.ts';
import type { TapFormat } from './settings.ts';

/** Headers whose values are not to be seen, lower case; null = none. */
type Redacted = ReadonlySet<string> | null;

/** Up to so many bytes of a body. */
export class TracedBody {
  readonly #limit: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  truncated = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Buffer): void {
    const room = this.#limit - this.#size;
    if (chunk.length > room) this.truncated = true;
    if (room <= 0) return;
    const part = Buffer.from(chunk.subarray(0, room));
    this.#chunks.push(part);
    this.#size += part.length;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

export interface TracedMessage {
  readonly headers: HeaderMap | null;
  /** null: nothing of it has passed. */
  readonly body: TracedBody | null;
  readonly trailers: HeaderMap | null;
}

/** The fields of HttpStreamedTraceSegment. */
export const Piece = {
  request_headers: 2,
  request_body_chunk: 3,
  request_trailers: 4,
  response_headers: 5,
  response_body_chunk: 6,
  response_trailers: 7,
} as const;
export type Piece = keyof typeof Piece;

export function encodeBuffered(request: TracedMessage, response: TracedMessage, format: TapFormat, redacted: Redacted): Buffer {
  if (isJson(format))
    return json({
      http_buffered_trace: { request: jsonMessage(request, format, redacted), response: jsonMessage(response, format, redacted) },
    });
  const out = new ProtobufWriter();
  const trace = out.begin(1);
  writeMessage(out, 1, request, redacted);
  writeMessage(out, 2, response, redacted);
  out.end(trace);
  return delimited(out, format);
}

/** @param id of the trace, a number */
export function encodeSegment(id: bigint, piece: Piece, content: HeaderMap | TracedBody, format: TapFormat, redacted: Redacted): Buffer {
  const isBody = content instanceof TracedBody;
  if (isJson(format)) {
    const value = isBody ? jsonBody(content, format) : { headers: jsonHeaders(content, redacted) };
    return json({ http_streamed_trace_segment: { trace_id: String(id), [piece]: value } });
  }
  const out = new ProtobufWriter();
  const segment = out.begin(2);
  out.varintBig(1, id);
  if (isBody) writeBody(out, Piece[piece], content);
  else {
    const map = out.begin(Piece[piece]);
    writeHeaders(out, 1, content, redacted);
    out.end(map);
  }
  out.end(segment);
  return delimited(out, format);
}

function isJson(format: TapFormat): boolean {
  return format === 'json_bytes' || format === 'json_string';
}

function delimited(out: ProtobufWriter, format: TapFormat): Buffer {
  const message = out.finish();
  if (format !== 'length_delimited') return message;
  const whole = new ProtobufWriter(message.length + 8).bytes(1, message).finish();
  // Without the field's tag: a length and the message.
  return whole.subarray(1);
}

function json(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
}

function jsonMessage(message: TracedMessage, format: TapFormat, redacted: Redacted): object {
  return {
    headers: jsonHeaders(message.headers, redacted),
    ...(message.body === null ? {} : { body: jsonBody(message.body, format) }),
    trailers: jsonHeaders(message.trailers, redacted),
  };
}

function jsonBody(body: TracedBody, format: TapFormat): object {
  const { bytes, truncated } = body;
  return format === 'json_bytes' ? { as_bytes: bytes.toString('base64'), truncated } : { as_string: bytes.toString('utf8'), truncated };
}

function jsonHeaders(headers: HeaderMap | null, redacted: Redacted): object[] {
  return lines(headers, redacted).map(([key, value]) => ({ key, value: utf8(value).toString('utf8'), raw_value: '' }));
}

/** With pseudo headers, in Envoy's order. */
function lines(headers: HeaderMap | null, redacted: Redacted): [string, string][] {
  const all: [string, string][] = [];
  if (headers === null) return all;
  if (headers instanceof RequestHeaders) {
    for (const name of [':authority', ':path', ':method', ':scheme', ':protocol']) {
      const value = headers.lookup(name);
      if (value !== undefined) all.push([name, value]);
    }
  } else if (headers instanceof ResponseHeaders) all.push([':status', String(headers.status)]);
  for (let i = 0; i < headers.size; i++) all.push([headers.names[i]!, headers.values[i]!]);
  if (redacted !== null) for (const line of all) if (redacted.has(line[0])) line[1] = REDACTED;
  return all;
}

function writeMessage(out: ProtobufWriter, field: number, message: TracedMessage, redacted: Redacted): void {
  const start = out.begin(field);
  writeHeaders(out, 1, message.headers, redacted);
  if (message.body !== null) writeBody(out, 2, message.body);
  writeHeaders(out, 3, message.trailers, redacted);
  out.end(start);
}

function writeBody(out: ProtobufWriter, field: number, body: TracedBody): void {
  const start = out.begin(field);
  out.bytes(1, body.bytes);
  if (body.truncated) out.varint(3, 1);
  out.end(start);
}

function writeHeaders(out: ProtobufWriter, field: number, headers: HeaderMap | null, redacted: Redacted): void {
  for (const [key, value] of lines(headers, redacted)) {
    const start = out.begin(field);
    out.text(1, key).text(2, value);
    out.end(start);
  }
}
