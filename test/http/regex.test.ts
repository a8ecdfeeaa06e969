import { describe, expect, test } from 'vitest';
import { compileRegex, RegexError, substitutionProblem } from '../../src/http/regex.ts';

describe('full match', () => {
  test.each([
    ['abc', 'abc', true],
    ['abc', 'abcd', false],
    ['a|ab', 'ab', true],
    ['a|b', 'ab', false],
    ['/a.*', '/a', true],
    ['/a.*', '/a/b?c', true],
    ['/a.*', '/a\n', false],
    ['/a(?s:.*)', '/a\n', true],
    ['(?i)ABC', 'abc', true],
    ['a.c', 'a\u00e9c', true],
    ['a.c', 'a\u00c3\u00a9c', false],
    ['\\d{2,3}', '1234', false],
    ['[[:alpha:]]+', 'abc', true],
    ['\\Qa.b\\E', 'a.b', true],
    ['(?P<name>a)b', 'ab', true],
    ['ab?', 'a', true],
    ['ab*c', 'abbbc', true],
    ['ab{2}', 'abb', true],
    ['^a$', 'a', true],
    ['', '', true],
    ['\\.', '.', true],
    ['a+?', 'aaa', true],
  ])('%j with %j: %s', (pattern, text, expected) => {
    expect(compileRegex(pattern).fullMatch(text)).toBe(expected);
  });

  test.each(['a(', '(?=a)', '(?!a)', '(?<=a)b', '(a)\\1', '[[', 'a**', 'a{1001}', '\\pX'])('%s is refused', (pattern) => {
    expect(() => compileRegex(pattern)).toThrow(RegexError);
  });

  test('takes linear time where backtracking would never end', () => {
    const text = 'a'.repeat(20_000) + 'b';
    expect(compileRegex('(a+)+').fullMatch(text)).toBe(false);
    expect(compileRegex('(a|a)*c').fullMatch(text)).toBe(false);
    expect(compileRegex('(.*)(.*)(.*)(.*)x').contains(text)).toBe(false);
  });
});

test.each([
  ['/api/v[0-9]', '/api/v'],
  ['/api', '/api'],
  ['/apis?', '/api'],
  ['/api*', '/ap'],
  ['/api+', '/api'],
  ['/a{2}', '/'],
  ['/a|/b', ''],
  ['(?i)/a', ''],
  ['.*', ''],
  ['/a\\.b', '/a'],
  ['^/a', ''],
])('every match of %s begins with "%s"', (pattern, prefix) => {
  expect(compileRegex(pattern).literalPrefix).toBe(prefix);
});

describe('replacing', () => {
  // As RE2::GlobalReplace does.
  test.each([
    ['a', 'banana', 'o', 'bonono'],
    ['a(b)?', 'xabya', '<\\1>', 'x<b>y<>'],
    ['(\\w)(\\w)', 'abcd', '\\2\\1', 'badc'],
    ['b+', 'abbbc', '[\\0]', 'a[bbb]c'],
    ['x*', 'ab', '-', '-a-b-'],
    ['z', 'ab', 'y', 'ab'],
    ['a', 'a', '\\\\', '\\'],
    ['a', 'a', '$1', '$1'],
    ['a', 'ba', '\\1', 'ba'],
    ['a', 'ba', 'x\\y', 'bx'],
    ['^/', '//a', '', '/a'],
  ])('%s in %s by %s gives %s', (pattern, text, substitution, expected) => {
    expect(compileRegex(pattern).replaceAll(text, substitution)).toBe(expected);
  });

  test.each([
    ['a(b)', '\\1', ''],
    ['a(b)', '\\0', ''],
    ['a(b)', '\\2', 'refers to group 2, and the pattern has 1'],
    ['a', 'b\\c', 'neither a digit nor a backslash'],
    ['a', 'b\\', 'neither a digit nor a backslash'],
    ['a', '\\\\c', ''],
  ])('%s by %s: "%s"', (pattern, substitution, problem) => {
    const found = substitutionProblem(pattern, substitution);
    expect(problem === '' ? found : found.includes(problem)).toBe(problem === '' ? '' : true);
  });
});
