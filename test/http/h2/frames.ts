/** Frames by hand, for tests that must say exactly what is on the wire. */

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(payload as string);
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, bytes]);
}

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** A field as a literal that is not indexed. */
export function field(name: string, value: string): Buffer {
  const length = (size: number) =>
    size < 127 ? Buffer.from([size]) : Buffer.from([127, ((size - 127) & 127) | 128, ((size - 127) >> 7) & 127]);
  return Buffer.concat([
    Buffer.from([0]),
    length(name.length),
    Buffer.from(name, 'latin1'),
    length(value.length),
    Buffer.from(value, 'latin1'),
  ]);
}

export function fields(...pairs: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(pairs.map(([name, value]) => field(name, value)));
}

export function request(method = 'GET', path = '/', ...more: readonly (readonly [string, string])[]): Buffer {
  return fields([':method', method], [':scheme', 'http'], [':path', path], [':authority', 'h'], ...more);
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export const NAMES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
];

/** Cuts bytes, after the client's preface if it is there. */
export function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = bytes.subarray(0, PREFACE.length).equals(PREFACE) ? PREFACE.length : 0;
  while (at + 9 <= bytes.length) {
    const length = bytes.readUIntBE(at, 3);
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      streamId: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
}

/** "GOAWAY 0 code 1", "RST_STREAM 1 code 2", "HEADERS 1 end" … */
export function describeFrame({ type, flags, streamId, payload }: Frame): string {
  let text = `${NAMES[type] ?? type} ${streamId}`;
  if (type === 7) text += ` code ${payload.readUInt32BE(4)} last ${payload.readUInt32BE(0)}`;
  if (type === 3) text += ` code ${payload.readUInt32BE(0)}`;
  if (type === 8) text += ` +${payload.readUInt32BE(0)}`;
  if (type === 0 || type === 1) text += (flags & 1) !== 0 ? ' end' : '';
  if ((type === 4 || type === 6) && (flags & 1) !== 0) text += ' ack';
  if (type === 0) text += ` ${payload.length}`;
  return text;
}
