/** Reads ExportTraceServiceRequest, by itself: it shares nothing with what writes it. */

export interface OtlpSpan {
  readonly resource: Readonly<Record<string, string>>;
  readonly scope: string;
  readonly traceId: string;
  readonly id: string;
  readonly parentId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly startNanos: bigint;
  readonly endNanos: bigint;
  readonly attributes: Readonly<Record<string, string>>;
  readonly events: readonly string[];
  readonly status: number;
  readonly flags: number;
}

type Value = bigint | Buffer;
export type Fields = ReadonlyMap<number, readonly Value[]>;

export function parse(bytes: Buffer): Fields {
  const fields = new Map<number, Value[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('protobuf: cut off');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    let value: Value;
    if ((tag & 7) === 0) value = varint();
    else if ((tag & 7) === 1) {
      value = bytes.readBigUInt64LE(at);
      at += 8;
    } else if ((tag & 7) === 5) {
      value = BigInt(bytes.readUInt32LE(at));
      at += 4;
    } else if ((tag & 7) === 2) {
      const length = Number(varint());
      if (at + length > bytes.length) throw new Error('protobuf: cut off');
      value = bytes.subarray(at, at + length);
      at += length;
    } else throw new Error(`protobuf: wire type ${tag & 7}`);
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}

export const messages = (fields: Fields, field: number): Fields[] => (fields.get(field) ?? []).map((value) => parse(value as Buffer));
export const bytesOf = (fields: Fields, field: number): Buffer => (fields.get(field)?.[0] as Buffer | undefined) ?? Buffer.alloc(0);
export const text = (fields: Fields, field: number): string => bytesOf(fields, field).toString('utf8');
export const number = (fields: Fields, field: number): bigint => (fields.get(field)?.[0] as bigint | undefined) ?? 0n;

function keyValues(list: readonly Fields[]): Record<string, string> {
  return Object.fromEntries(list.map((pair) => [text(pair, 1), text(messages(pair, 2)[0]!, 1)]));
}

export function readOtlp(body: Buffer): OtlpSpan[] {
  return messages(parse(body), 1).flatMap((ofResource) => {
    const resource = keyValues(messages(messages(ofResource, 1)[0]!, 1));
    return messages(ofResource, 2).flatMap((ofScope) =>
      messages(ofScope, 2).map((span) => ({
        resource,
        scope: messages(ofScope, 1).map((scope) => text(scope, 1))[0] ?? '',
        traceId: bytesOf(span, 1).toString('hex'),
        id: bytesOf(span, 2).toString('hex'),
        traceState: text(span, 3),
        parentId: bytesOf(span, 4).toString('hex'),
        name: text(span, 5),
        kind: Number(number(span, 6)),
        startNanos: number(span, 7),
        endNanos: number(span, 8),
        attributes: keyValues(messages(span, 9)),
        events: messages(span, 11).map((event) => text(event, 2)),
        status: Number(messages(span, 15).map((status) => number(status, 3))[0] ?? 0n),
        flags: Number(number(span, 16)),
      })),
    );
  });
}
