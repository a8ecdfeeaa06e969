import { expect, test } from 'vitest';
import { seededRandom } from '../../src/runtime/random.ts';
import { hex32, newId } from '../../src/tracing/ids.ts';

test.each([0, 1, 0xff, 0x0100, 0x12345678, 0x80000000, 0xffffffff])('%d as eight digits', (value) => {
  expect(hex32(value)).toBe(value.toString(16).padStart(8, '0'));
});

test('ids are 16 digits, and never all 0', () => {
  const random = seededRandom(7);
  for (let i = 0; i < 1000; i++) expect(newId(random)).toMatch(/^[0-9a-f]{16}$/);
  let draws = 0;
  const zeroFirst = { ...random, nextU32: () => (draws++ < 2 ? 0 : 5), below: () => 0, uuid: () => '' };
  expect(newId(zeroFirst)).toBe('0000000500000005');
});
