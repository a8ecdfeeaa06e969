import { describe, expect, test } from 'vitest';
import { cookieValue } from '../../src/http/header-lookup.ts';
import { HeaderMap } from '../../src/http/header-map.ts';
import { pathOnly, queryParameter } from '../../src/http/query.ts';

test.each([
  ['/a', '/a'],
  ['/a?b', '/a'],
  ['/a#b', '/a'],
  ['/a?b#c', '/a'],
  ['/a#b?c', '/a'],
  ['?', ''],
  ['', ''],
])('the path of %s is %s', (path, only) => {
  expect(pathOnly(path)).toBe(only);
});

describe('query parameters', () => {
  test.each([
    ['/?a=1', 'a', '1'],
    ['/?b=2&a=1', 'a', '1'],
    ['/?a=1&a=2', 'a', '1'],
    ['/?aa=1', 'a', undefined],
    ['/?a', 'a', ''],
    ['/?a=', 'a', ''],
    ['/?a=b=c', 'a', 'b=c'],
    ['/?&&a=1', 'a', '1'],
    ['/?b=a', 'a', undefined],
    ['/?b=1#a=2', 'a', undefined],
    ['/?a=1#b', 'a', '1'],
    ['/a=1', 'a', undefined],
    ['/?', 'a', undefined],
  ])('%s, %s: %s', (path, name, value) => {
    expect(queryParameter(path, name)).toBe(value);
  });
});

describe('cookies', () => {
  test.each([
    [['a=1'], 'a', '1'],
    [['b=2; a=1'], 'a', '1'],
    [['b=2;a=1'], 'a', '1'],
    [['b=2', 'a=1'], 'a', '1'],
    [['aa=2; a="q"'], 'a', 'q'],
    [['a=1=2; b'], 'a', '1=2'],
    [['a'], 'a', undefined],
    [['b=a=1'], 'a', undefined],
    [[], 'a', undefined],
  ])('%j, %s: %s', (lines, name, value) => {
    const headers = new HeaderMap();
    for (const line of lines) headers.add('cookie', line);
    expect(cookieValue(headers, name)).toBe(value);
  });
});
