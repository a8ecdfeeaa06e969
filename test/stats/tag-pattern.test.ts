import { expect, test } from 'vitest';
import { compileTagPattern } from '../../src/stats/tag-pattern.ts';

test('the first group goes, the second is the value', () => {
  const cluster = compileTagPattern('^cluster\\.((.+?)\\.)upstream');
  expect(cluster('cluster.a.upstream_rq')).toEqual({ start: 8, end: 10, value: 'a' });
  expect(cluster('listener.a')).toBeNull();
  expect(compileTagPattern('_rq(_(\\d{3}))$')('x_rq_200')).toEqual({ start: 4, end: 8, value: '200' });
  expect(compileTagPattern('^(?:x|(y))')('x')).toBeNull();
});

test('lookahead and POSIX classes, which RE2 does not read together', () => {
  const prefix = compileTagPattern('^listener(?=\\.).*?\\.http\\.(((?:[_.[:digit:]]*|[_\\[\\]aAbB[:digit:]]*))\\.)');
  expect(prefix('listener.0.0.0.0_80.http.10.0.0.1_8080.downstream_rq')).toEqual({ start: 25, end: 39, value: '10.0.0.1_8080' });
  expect(prefix('listeners.http.1.x')).toBeNull();
});

test('what neither engine reads is refused in the words of RE2', () => {
  expect(() => compileTagPattern('(')).toThrow(/missing closing \)|missing/);
});
