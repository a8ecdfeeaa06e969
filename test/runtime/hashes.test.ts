import { describe, expect, test } from 'vitest';
import { MersenneTwister } from '../../src/runtime/mersenne-twister.ts';
import { murmurHash2Bytes } from '../../src/runtime/murmur-hash2.ts';
import { xxHash64 } from '../../src/runtime/xxhash64.ts';

const ISHMAEL = 'Call me Ishmael. Some years ago--never mind how long precisely-';

describe('xxHash64', () => {
  // The reference implementation's values; foo, bar and lyft are also those of Envoy's own tests.
  test.each([
    ['', 0, 17241709254077376921n],
    ['a', 0, 15154266338359012955n],
    ['foo', 0, 3728699739546630719n],
    ['bar', 0, 5234164152756840025n],
    ['foo\nbar', 0, 8917841378505826757n],
    ['lyft', 0, 4400747396090729504n],
    ['lyft', 1, 81692559072577057n],
    [ISHMAEL, 0, 189969583671016854n],
    [ISHMAEL, 1, 7478965429412185689n],
  ])('%j, seed %d', (text, seed, hash) => {
    expect(xxHash64(text, seed)).toBe(hash);
  });

  test('bytes above 127', () => {
    expect(xxHash64('\xff'.repeat(300))).not.toBe(xxHash64('\x7f'.repeat(300)));
  });
});

describe('MurmurHash2', () => {
  // As libstdc++'s std::_Hash_bytes gives them for the same seed.
  test.each([
    ['', 6142509188972423790n],
    ['foo', 9631199822919835226n],
    ['bar', 11474628671133349555n],
    ['hello world!', 6594337730806245023n],
    ['deadbeefdeadbeef', 2945385479996880666n],
  ])('%j', (text, hash) => {
    const out = new BigUint64Array(1);
    murmurHash2Bytes(new Uint32Array(out.buffer), Buffer.from(text), text.length);
    expect(out[0]).toBe(hash);
  });
});

test('the ten-thousandth number of std::mt19937 with its default seed', () => {
  const twister = new MersenneTwister();
  twister.seed(5489);
  for (let i = 1; i < 10_000; i++) twister.nextU32();
  expect(twister.nextU32()).toBe(4123659995);
});
