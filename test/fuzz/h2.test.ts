/** Whatever bytes come, a codec neither throws nor keeps a stream, nor says more than its limits allow. */
import { expect, test } from 'vitest';
import { RequestHeaders, ResponseHeaders } from '../../src/http/header-map.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import { fields, frame, PREFACE, request, word } from '../http/h2/frames.ts';
import { clientRig, ResponseUser, serverRig } from '../http/h2/rig.ts';

const ROUNDS = 3000;

function bytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** Frames as they should be, as they should not be, and what is no frame. */
function piece(random: Random, id: number, block: Buffer): Buffer {
  // Half of them good, so that what follows is looked at too.
  switch (random.below(2) === 0 ? 0 : random.below(12)) {
    case 0:
      return frame(1, 4 + random.below(2), id, block);
    case 1:
      return frame(0, random.below(2), id, bytes(random, random.below(50)));
    case 2:
      return frame(0, 8 + random.below(2), id, bytes(random, random.below(50)));
    case 3:
      return frame(3, 0, id, word(random.below(16)));
    case 4:
      return frame(4, 0, 0, Buffer.concat([Buffer.from([0, random.below(10)]), word(random.nextU32())]));
    case 5:
      return frame(8, 0, random.below(2) * id, word(random.below(2) === 0 ? random.nextU32() : random.below(1000)));
    case 6:
      return frame(6, random.below(2), 0, bytes(random, 8));
    case 7:
      return frame(7, 0, 0, Buffer.concat([word(random.below(10)), word(0)]));
    case 8:
      return Buffer.concat([frame(1, random.below(2), id, block.subarray(0, 5)), frame(9, 4, id, block.subarray(5))]);
    case 9:
      return frame(1, 4 + random.below(2), id, bytes(random, random.below(40)));
    case 10:
      return frame(random.below(14), random.below(256), random.below(6), bytes(random, random.below(30)));
    default:
      return bytes(random, random.below(30));
  }
}

/** Some bytes of good input turned. */
function mutate(random: Random, input: Buffer): Buffer {
  const output = Buffer.from(input);
  for (let i = random.below(4) === 0 ? random.below(3) : 0; i > 0; i--) output[random.below(output.length)] = random.below(256);
  return output;
}

test('the server role', () => {
  let served = 0;
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const random = seededRandom(seed);
    const { socket, user, codec, stats } = serverRig({ maxConcurrentStreams: 4 });
    const parts = [PREFACE, frame(4, 0, 0)];
    for (let i = 0, n = random.below(12); i < n; i++) parts.push(piece(random, 1 + 2 * random.below(4), request('POST')));
    const input = mutate(random, Buffer.concat(parts));
    for (let at = 0; at < input.length; ) {
      const size = 1 + random.below(60);
      codec.onData(input.subarray(at, at + size));
      at += size;
      for (const stream of user.streams) {
        if (stream.headers === null || random.below(4) > 0) continue;
        stream.encoder.encodeHeaders(new ResponseHeaders(200), random.below(2) === 0);
        stream.encoder.encodeText('body', random.below(2) === 0);
      }
    }
    served += user.streams.filter((stream) => stream.headers !== null).length;
    codec.onConnectionClosed();
    expect(codec.activeStreams, `seed ${seed}`).toBe(0);
    expect(stats.value('http2.streams_active'), `seed ${seed}`).toBe(0);
    expect(stats.value('http2.pending_send_bytes'), `seed ${seed}`).toBe(0);
    expect(user.errors.length, `seed ${seed}`).toBeLessThan(2);
    for (const stream of user.streams) expect(stream.done, `seed ${seed}`).toBe(1);
    expect(socket.take().length).toBeLessThan(20_000);
  }
  expect(served).toBeGreaterThan(ROUNDS / 3);
});

test('the client role', () => {
  let answered = 0;
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const random = seededRandom(seed);
    const { codec, stats, heard } = clientRig();
    const users = Array.from({ length: 4 }, () => {
      const user = new ResponseUser();
      codec.newStream(user).encodeHeaders(new RequestHeaders('GET', '/', 'h', 'http'), random.below(2) === 0);
      return user;
    });
    const parts = [frame(4, 0, 0)];
    for (let i = 0, n = random.below(12); i < n; i++)
      parts.push(piece(random, 1 + 2 * random.below(4), fields([':status', '200'], ['a', 'b'])));
    const input = mutate(random, Buffer.concat(parts));
    for (let at = 0; at < input.length; ) {
      const size = 1 + random.below(60);
      codec.onData(input.subarray(at, at + size));
      at += size;
    }
    answered += users.filter((user) => user.headers !== null).length;
    codec.onConnectionClosed();
    expect(codec.activeStreams, `seed ${seed}`).toBe(0);
    expect(stats.value('http2.streams_active'), `seed ${seed}`).toBe(0);
    expect(
      heard.filter((each) => each === 'complete' || each === 'cut'),
      `seed ${seed}`,
    ).toHaveLength(4);
  }
  expect(answered).toBeGreaterThan(ROUNDS / 3);
});
