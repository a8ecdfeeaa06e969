import { describe, expect, test } from 'vitest';
import { bytes, count, duration, milliseconds, percent, perSecond, plural } from '../../../src/page/browser/format.ts';

describe('numbers for people', () => {
  test.each([
    [null, '–'],
    [0, '0'],
    [0.44, '0.4'],
    [12.55, '12.6'],
    [980.4, '980'],
    [12_400, '12,400'],
    [1_250_000, '1.3 M'],
  ])('count %j', (value, text) => expect(count(value)).toBe(text));

  test.each([
    [null, '–'],
    [0, '0 %'],
    [0.0004, '<0.1 %'],
    [0.0424, '4.2 %'],
    [0.9999, '>99.9 %'],
    [1, '100 %'],
  ])('percent %j', (value, text) => expect(percent(value)).toBe(text));

  test.each([
    [null, '–'],
    [0.02, '<0.1 ms'],
    [0.44, '0.4 ms'],
    [23.4, '23 ms'],
    [2310, '2.31 s'],
    [15_002, '15.0 s'],
    [61_000, '1 min 1 s'],
  ])('milliseconds %j', (value, text) => expect(milliseconds(value)).toBe(text));

  test.each([
    [0, '0 B'],
    [1023, '1,023 B'],
    [2048, '2 KiB'],
    [1_500_000, '1.4 MiB'],
    [3e12, '2,794 GiB'],
  ])('bytes %j', (value, text) => expect(bytes(value)).toBe(text));

  test.each([
    [-3, '0 s'],
    [59.9, '59 s'],
    [90, '1 min 30 s'],
    [900, '15 min'],
    [3700, '1 h 1 min'],
    [100_000, '1 d 3 h'],
    [90 * 86_400, '90 d'],
  ])('duration %j', (value, text) => expect(duration(value)).toBe(text));

  test('rates and counted things', () => {
    expect([perSecond(null), perSecond(0), perSecond(1234)]).toEqual(['–', '0/s', '1,234/s']);
    expect([plural(1, 'host'), plural(0, 'host'), plural(2000, 'cluster')]).toEqual(['1 host', '0 hosts', '2,000 clusters']);
  });
});
