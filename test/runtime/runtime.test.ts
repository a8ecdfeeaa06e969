import { describe, expect, test } from 'vitest';
import { MutableRuntime, StaticRuntime } from '../../src/runtime/runtime.ts';

const of = (value: string) => new StaticRuntime(new Map([['k', value]]));

describe('values by what they are', () => {
  test.each([
    // text           integer  double  boolean
    ['7', 7, 7, null],
    ['-3', -3, -3, null],
    ['0.25', null, 0.25, null],
    ['1e3', 1000, 1000, null],
    ['true', null, null, true],
    ['FALSE', null, null, false],
    ['seven', null, null, null],
    ['', null, null, null],
  ])('%j', (text, integer, double, boolean) => {
    const runtime = of(text);
    expect(runtime.integer('k', 99)).toBe(integer ?? 99);
    expect(runtime.double('k', 99)).toBe(double ?? 99);
    expect([runtime.boolean('k', true), runtime.boolean('k', false)]).toEqual(boolean === null ? [true, false] : [boolean, boolean]);
    expect(runtime.get('k')).toBe(text);
  });
});

describe('fractions', () => {
  /** For which of the numbers below `of` it is true. */
  const share = (runtime: StaticRuntime, denominator: number, upTo: number) => {
    let count = 0;
    for (let random = 0; random < upTo; random++) if (runtime.fraction('k', 1, denominator, random)) count++;
    return count;
  };
  test.each([
    ['nothing set: the default', new StaticRuntime(), 100],
    ['an integer is a percentage', of('25'), 2500],
    ['more than 100 is always', of('101'), 10_000],
    ['JSON', of('{"numerator":3,"denominator":"TEN_THOUSAND"}'), 3],
    ['the lines of a file', of('numerator: 5\ndenominator: TEN_THOUSAND'), 5],
    ['a denominator left out is 100', of('{numerator: 2}'), 200],
    ['a word is nothing', of('many'), 100],
    ['nor is a negative number', of('-5'), 100],
  ])('%s', (_what, runtime, expected) => {
    expect(share(runtime, 100, 10_000)).toBe(expected);
  });
});

test('a replacement takes effect at once', () => {
  const runtime = new MutableRuntime();
  expect(runtime.integer('a', 1)).toBe(1);
  runtime.replace({ a: '2' });
  expect(runtime.integer('a', 1)).toBe(2);
  runtime.replace({});
  expect(runtime.integer('a', 1)).toBe(1);
});
