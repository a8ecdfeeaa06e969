/** Order, ends and back-pressure of bodies that are compressed on the way. */
import { randomBytes } from 'node:crypto';
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type CodingSettings, type CodingSink, ContentCoder } from '../../src/filters/content-coding.ts';

const settings = (encoding: CodingSettings['encoding'], parameters = {}): CodingSettings => ({
  encoding,
  level: 6,
  windowBits: 15,
  memoryLevel: 8,
  strategy: 0,
  chunkSize: 4096,
  parameters,
  dictionary: null,
});

class Sink implements CodingSink {
  readonly chunks: Buffer[] = [];
  readonly holds: boolean[] = [];
  readonly ended: Promise<string>;
  onCodingEnd!: (error: string) => void;
  onChunk = (): void => undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.onCodingEnd = resolve;
    });
  }
  onCoded(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.onChunk();
  }
  hold(hold: boolean): void {
    this.holds.push(hold);
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

const DECODERS = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync } as const;

test.each(['gzip', 'br', 'zstd'] as const)('%s: what goes in comes out, in order', async (encoding) => {
  const sink = new Sink();
  const coder = new ContentCoder(settings(encoding, encoding === 'br' ? { 1: 3 } : {}), false, sink, 1 << 20);
  const pieces = Array.from({ length: 50 }, (_, i) => Buffer.from(`${i} `.repeat(i * 20)));
  for (const piece of pieces) coder.write(piece, false);
  coder.end();
  expect(await sink.ended).toBe('');
  expect(DECODERS[encoding](sink.bytes)).toEqual(Buffer.concat(pieces));
});

test('a short body is done before the call returns', () => {
  const sink = new Sink();
  new ContentCoder(settings('gzip'), false, sink, 1000).write(Buffer.from('hello'), true);
  expect(gunzipSync(sink.bytes).toString()).toBe('hello');
});

test('a piece of a stream comes out without waiting for the next', async () => {
  const sink = new Sink();
  const coder = new ContentCoder(settings('gzip'), false, sink, 1000);
  const out = new Promise<void>((resolve) => {
    sink.onChunk = resolve;
  });
  const decoded: Buffer[] = [];
  const back = new ContentCoder(
    settings('gzip'),
    true,
    { onCoded: (chunk) => decoded.push(chunk), onCodingEnd: () => undefined, hold: () => undefined },
    1000,
  );
  coder.write(Buffer.from('first event'), false);
  await out;
  const seen = new Promise<void>((resolve) => {
    const look = (): void => {
      if (Buffer.concat(decoded).toString() === 'first event') resolve();
      else setImmediate(look);
    };
    look();
  });
  back.write(sink.bytes, false);
  await seen;
  coder.stop();
  back.stop();
});

test('the sender waits while much is to be worked on, and goes on afterwards', async () => {
  const sink = new Sink();
  const coder = new ContentCoder(settings('gzip'), false, sink, 10_000);
  const body = randomBytes(300_000);
  for (let at = 0; at < body.length; at += 30_000) coder.write(body.subarray(at, at + 30_000), false);
  expect(sink.holds).toEqual([true]);
  coder.end();
  await sink.ended;
  expect(sink.holds).toEqual([true, false]);
  expect(gunzipSync(sink.bytes)).toEqual(body);
});

test('bad input ends with its error; input that stops early does not', async () => {
  const bad = new Sink();
  new ContentCoder(settings('gzip'), true, bad, 1000).write(Buffer.from('no gzip at all'), true);
  expect(await bad.ended).toBe('Z_DATA_ERROR');
  const early = new Sink();
  new ContentCoder(settings('gzip'), true, early, 1000).write(gzipSync('x'.repeat(1000)).subarray(0, 20), true);
  expect(await early.ended).toBe('');
});

test('nothing comes after it was stopped', async () => {
  const sink = new Sink();
  const coder = new ContentCoder(settings('gzip'), false, sink, 1000);
  coder.write(Buffer.alloc(100_000, 'x'), false);
  coder.stop();
  coder.write(Buffer.from('y'), true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sink.chunks).toEqual([]);
});
