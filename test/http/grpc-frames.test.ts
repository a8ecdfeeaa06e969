/** Messages of gRPC in streams that are cut anywhere. */
import { expect, test } from 'vitest';
import { GrpcFrameCounter, GrpcFrameDecoder, grpcFrame, grpcToHttpStatus } from '../../src/http/grpc-frames.ts';

const MESSAGES = ['', 'a', 'bb'.repeat(200), '', 'c'];
const STREAM = Buffer.concat(MESSAGES.map((message) => grpcFrame(Buffer.from(message))));

test.each([1, 2, 3, 4, 5, 6, 7, 100, 1000])('in pieces of %i bytes', (size) => {
  const counter = new GrpcFrameCounter();
  const decoder = new GrpcFrameDecoder(1000);
  let begun = 0;
  const messages: string[] = [];
  for (let at = 0; at < STREAM.length; at += size) {
    const piece = STREAM.subarray(at, at + size);
    begun += counter.count(piece);
    for (const frame of decoder.decode(piece)!) messages.push(frame.message.toString());
  }
  expect(begun).toBe(MESSAGES.length);
  expect(messages).toEqual(MESSAGES);
  expect(decoder.pending).toBe(0);
});

test('a message is counted when it begins', () => {
  const counter = new GrpcFrameCounter();
  expect([counter.count(STREAM.subarray(0, 5)), counter.count(STREAM.subarray(5, 6)), counter.count(STREAM.subarray(6, 9))]).toEqual([
    1, 1, 0,
  ]);
});

test('too long a message, and unknown flags, are errors; a part of one waits', () => {
  expect(new GrpcFrameDecoder(3).decode(grpcFrame(Buffer.from('four')))).toBeNull();
  expect(new GrpcFrameDecoder(30).decode(grpcFrame(Buffer.from('four'), 2))).toBeNull();
  const decoder = new GrpcFrameDecoder(30);
  expect(decoder.decode(grpcFrame(Buffer.from('four')).subarray(0, 7))).toEqual([]);
  expect(decoder.pending).toBe(7);
});

test('HTTP statuses', () => {
  expect([0, 1, 5, 13, 14, 16, 17].map(grpcToHttpStatus)).toEqual([200, 499, 404, 500, 503, 401, 500]);
});
