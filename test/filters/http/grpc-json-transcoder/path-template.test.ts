/** Path templates of google.api.http. */
import { describe, expect, test } from 'vitest';
import { matchTemplate, parseTemplate, unescapeSegment } from '../../../../src/filters/http/grpc-json-transcoder/path-template.ts';

function match(template: string, path: string, verb = ''): readonly string[] | null {
  return matchTemplate(parseTemplate(template)!, path.slice(1).split('/'), verb);
}

describe('matching', () => {
  test.each([
    ['/a/b', '/a/b', []],
    ['/a/b', '/a/b/c', null],
    ['/a/{x}', '/a/1', ['1']],
    ['/a/{x}', '/a/', null],
    ['/a/*', '/a/1', []],
    ['/{x=a/*}/{y=b/*}', '/a/1/b/2', ['a/1', 'b/2']],
    ['/a/{x=**}', '/a/1/2/3', ['1/2/3']],
    ['/a/{x=**}', '/a', ['']],
    ['/a/{x=**}/z', '/a/1/2/z', ['1/2']],
    ['/a/**/{y}', '/a/1/2/3', ['3']],
    ['/{x.y}/b', '/1/b', ['1']],
  ])('%s with %s', (template, path, values) => {
    expect(match(template, path)).toEqual(values);
  });

  test('verbs', () => {
    expect(match('/a/{x}:go', '/a/1', 'go')).toEqual(['1']);
    expect(match('/a/{x}:go', '/a/1', '')).toBeNull();
    expect(match('/a/{x}', '/a/1', 'go')).toBeNull();
  });
});

test.each(['a', '/a/{x', '/a/{=b}', '/a//b', '/a/**/**', '/a/b:', '/a/{x}y'])('%s is none', (template) => {
  expect(parseTemplate(template)).toBeNull();
});

test('escapes', () => {
  expect(unescapeSegment('%2f%23/%20%2523', 'reserved')).toBe('%2f%23/ %23');
  expect(unescapeSegment('%2f%23/%20%2523', 'slash')).toBe('%2f#/ %23');
  expect(unescapeSegment('%2f%23/%20%2523%', 'nothing')).toBe('/#/ %23%');
});
