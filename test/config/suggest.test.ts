import { describe, expect, test } from 'vitest';
import { didYouMean, editDistance, nearestName } from '../../src/config/suggest.ts';

const FIELDS = ['lb_policy', 'lb_subset_config', 'load_assignment', 'connect_timeout', 'type', 'name'];

describe('nearest name', () => {
  test.each([
    ['lb_polcy', 'lb_policy'],
    ['lbPolicy', 'lb_policy'],
    ['lb-policy', 'lb_policy'],
    ['conect_timeouts', 'connect_timeout'],
    ['tpye', 'type'],
    ['nmae', 'name'],
    ['hosts', null],
    ['', null],
  ])('%s → %s', (written, meant) => {
    expect(nearestName(written, FIELDS)).toBe(meant);
  });

  test('text of the hint', () => {
    expect(didYouMean('lb_polcy', FIELDS)).toBe('; did you mean "lb_policy"?');
    expect(didYouMean('zzz', FIELDS)).toBe('');
  });

  test('the distance counts a transposition once and stops at its limit', () => {
    expect(editDistance('abcd', 'abdc', 3)).toBe(1);
    expect(editDistance('abc', 'abc', 3)).toBe(0);
    expect(editDistance('abc', 'xyz', 1)).toBe(2);
    expect(editDistance('a', 'abcdef', 2)).toBe(3);
  });
});
