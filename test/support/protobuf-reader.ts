/** Reads protobuf messages without a schema: field numbers and raw values. */
export type FieldValue = bigint | Buffer;

export class Fields {
  readonly #fields = new Map<number, FieldValue[]>();

  constructor(bytes: Buffer) {
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
      const size = { 1: 8, 5: 4 }[tag & 7] ?? ((tag & 7) === 2 ? Number(varint()) : 0);
      if (![0, 1, 2, 5].includes(tag & 7) || at + size > bytes.length) throw new Error(`protobuf: cut off, or wire type ${tag & 7}`);
      const value = (tag & 7) === 0 ? varint() : bytes.subarray(at, at + size);
      at += size;
      this.#fields.set(tag >> 3, [...(this.#fields.get(tag >> 3) ?? []), value]);
    }
  }

  has(field: number): boolean {
    return this.#fields.has(field);
  }

  messages(field: number): Fields[] {
    return (this.#fields.get(field) ?? []).map((value) => new Fields(value as Buffer));
  }

  /** The first one; empty if there is none. */
  message(field: number): Fields {
    return this.messages(field)[0] ?? new Fields(Buffer.alloc(0));
  }

  bytes(field: number): Buffer {
    return (this.#fields.get(field)?.[0] as Buffer | undefined) ?? Buffer.alloc(0);
  }

  text(field: number): string {
    return this.bytes(field).toString('utf8');
  }

  /** varint */
  number(field: number): number {
    return Number((this.#fields.get(field)?.[0] as bigint | undefined) ?? 0n);
  }

  double(field: number): number {
    return this.has(field) ? this.bytes(field).readDoubleLE() : 0;
  }

  fixed64(field: number): bigint {
    return this.has(field) ? this.bytes(field).readBigInt64LE() : 0n;
  }

  packedDoubles(field: number): number[] {
    const bytes = this.bytes(field);
    return Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readDoubleLE(i * 8));
  }

  packedFixed64(field: number): number[] {
    const bytes = this.bytes(field);
    return Array.from({ length: bytes.length / 8 }, (_, i) => Number(bytes.readBigUInt64LE(i * 8)));
  }
}

/** Messages of a gRPC body. */
export function grpcMessages(body: Buffer): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const size = body.readUInt32BE(at + 1);
    if (at + 5 + size > body.length) break;
    out.push(body.subarray(at + 5, at + 5 + size));
    at += 5 + size;
  }
  return out;
}
