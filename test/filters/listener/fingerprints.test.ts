/** JA3 and JA4 of ClientHellos made by hand; those of real clients are compared with Envoy's (test/envoy, area operators). */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { Reader } from '../../../src/filters/listener/tls-inspector/client-hello.ts';
import { fingerprints } from '../../../src/filters/listener/tls-inspector/fingerprints.ts';

const u16 = (...values: number[]): number[] => values.flatMap((value) => [value >> 8, value & 255]);
const vector = (size: 1 | 2, bytes: readonly number[]): number[] => [...(size === 1 ? [bytes.length] : u16(bytes.length)), ...bytes];
const extension = (type: number, bytes: readonly number[]): number[] => [...u16(type), ...vector(2, bytes)];

function hello(ciphers: readonly number[], extensions: readonly number[][] | null): Reader {
  const bytes = [...u16(0x0303), ...new Array<number>(32).fill(7), ...vector(1, []), ...vector(2, u16(...ciphers)), ...vector(1, [0])];
  return new Reader(Buffer.from(extensions === null ? bytes : [...bytes, ...vector(2, extensions.flat())]));
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const sha = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

const SERVER_NAME = extension(0, vector(2, [0, ...vector(2, [0x61])]));
const GROUPS = extension(10, vector(2, u16(0x1a1a, 29, 23)));
const FORMATS = extension(11, vector(1, [0]));
const ALGORITHMS = extension(13, vector(2, u16(0x0804, 0x0403)));
const VERSIONS = extension(43, vector(1, u16(0x2a2a, 0x0304, 0x0303)));
const PROTOCOLS = extension(16, vector(2, [...vector(1, [0x68, 0x32]), ...vector(1, [0x78])]));
const GREASE = extension(0x3a3a, []);

test('all there is, without what clients send to keep servers tolerant', () => {
  const all = fingerprints(
    hello([0x0a0a, 0x1302, 0x1301], [GREASE, SERVER_NAME, GROUPS, FORMATS, ALGORITHMS, VERSIONS, PROTOCOLS]),
    true,
    true,
  );
  expect(all.ja3).toBe(md5('771,4866-4865,0-10-11-13-43-16,29-23,0'));
  expect(all.ja4).toBe(`t13d0206h2_${sha('1301,1302')}_${sha('000a,000b,000d,002b_0804,0403')}`);
});

test('nothing but ciphers, and not even those', () => {
  expect(fingerprints(hello([0x002f], null), true, true)).toEqual({
    ja3: md5('771,47,,,'),
    ja4: `t12i010000_${sha('002f')}_${'0'.repeat(12)}`,
  });
  expect(fingerprints(hello([], null), false, true)).toEqual({ ja3: '', ja4: `t12i000000_${'0'.repeat(12)}_${'0'.repeat(12)}` });
});

test.each([
  ['that says it is longer than it is', extension(10, [0, 9, 0, 29])],
  ['that is empty', extension(10, [])],
  ['with half a value', extension(10, vector(2, [0]))],
])('an extension %s says nothing, and does no harm', (_, broken) => {
  expect(fingerprints(hello([0x1301], [broken, ALGORITHMS]), true, true)).toEqual({
    ja3: md5('771,4865,10-13,,'),
    ja4: `t12i010200_${sha('1301')}_${sha('000a,000d_0804,0403')}`,
  });
});
