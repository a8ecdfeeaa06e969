import { describe, expect, test } from 'vitest';
import { normalizeHost } from '../../../../src/filters/network/http-connection-manager/host-normalization.ts';
import {
  type EscapedSlashes,
  normalizePath,
  PathVerdict,
} from '../../../../src/filters/network/http-connection-manager/path-normalization.ts';

const options = (changes: { normalizePath?: boolean; mergeSlashes?: boolean; escapedSlashes?: EscapedSlashes } = {}) => ({
  normalizePath: false,
  mergeSlashes: false,
  escapedSlashes: 'KEEP_UNCHANGED' as EscapedSlashes,
  ...changes,
});

describe('normalize_path', () => {
  test.each([
    // received            normalised
    ['/', '/'],
    ['/a/./b/../c', '/a/c'],
    ['/a/b/..', '/a/'],
    ['/../../a', '/a'],
    ['/a/.', '/a/'],
    ['/%41%7e%2D', '/A~-'],
    ['/a%2fb', '/a%2fb'],
    ['/a%2Fb%5cc', '/a%2Fb%5cc'],
    ['/a\\b', '/a/b'],
    ['/a//b', '/a//b'],
    ['/a/..;/b', '/b'],
    ['/a/?q=/../x//y', '/a/?q=/../x//y'],
  ])('%s → %s', (path, expected) => {
    expect(normalizePath(path, options({ normalizePath: true }))).toEqual({ verdict: PathVerdict.Ok, path: expected });
  });

  test('an encoded NUL is refused', () => {
    expect(normalizePath('/a%00', options({ normalizePath: true })).verdict).toBe(PathVerdict.Reject);
  });
});

test('merge_slashes leaves the query alone', () => {
  expect(normalizePath('//a///b?x=//', options({ mergeSlashes: true })).path).toBe('/a/b?x=//');
});

test.each<[EscapedSlashes, string, PathVerdict, string]>([
  ['KEEP_UNCHANGED', '/a%2Fb', PathVerdict.Ok, '/a%2Fb'],
  ['REJECT_REQUEST', '/a%2Fb?x=%2f', PathVerdict.Reject, '/a/b?x=%2f'],
  ['REJECT_REQUEST', '/a?x=%2f', PathVerdict.Ok, '/a?x=%2f'],
  ['UNESCAPE_AND_FORWARD', '/a%2fb%5Cc', PathVerdict.Ok, '/a/b\\c'],
  ['UNESCAPE_AND_REDIRECT', '/a%2fb', PathVerdict.Redirect, '/a/b'],
  ['UNESCAPE_AND_REDIRECT', '/a/b', PathVerdict.Ok, '/a/b'],
])('escaped slashes, %s: %s', (escapedSlashes, path, verdict, expected) => {
  expect(normalizePath(path, options({ escapedSlashes }))).toEqual({ verdict, path: expected });
});

test.each([
  // authority          dot    matching any    port  connect  result
  ['a.test.', true, false, false, 80, false, 'a.test'],
  ['a.test.:80', true, false, false, 80, false, 'a.test:80'],
  ['a.test:80', false, true, false, 80, false, 'a.test'],
  ['a.test:81', false, true, false, 80, false, 'a.test:81'],
  ['a.test:81', false, false, true, 80, false, 'a.test'],
  ['[::1]:81', false, false, true, 80, false, '[::1]'],
  ['[::1]', false, false, true, 80, false, '[::1]'],
  ['a.test:x', false, false, true, 80, false, 'a.test:x'],
  ['a.test:443', false, false, true, 80, true, 'a.test:443'],
])(
  'host %s, dot %s, matching port %s, any port %s',
  (authority, stripTrailingHostDot, stripMatchingHostPort, stripAnyHostPort, port, connect, expected) => {
    expect(normalizeHost(authority, { stripTrailingHostDot, stripMatchingHostPort, stripAnyHostPort }, port, connect)).toBe(expected);
  },
);
