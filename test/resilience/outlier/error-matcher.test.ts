import { expect, test } from 'vitest';
import { ResponseHeaders } from '../../../src/http/header-map.ts';
import { buildErrorMatcher, type ErrorMatchSettings } from '../../../src/resilience/outlier/error-matcher.ts';

const has = (name: string): ErrorMatchSettings => ({
  kind: 'headers',
  headers: [{ name, value: null, present: true, invert: false, treatMissingAsEmpty: false }],
});

function judge(settings: ErrorMatchSettings, ...names: string[]): boolean {
  const headers = new ResponseHeaders(200);
  for (const name of names) headers.add(name, '1');
  return buildErrorMatcher(settings).matches(headers);
}

test.each<[string, ErrorMatchSettings, readonly string[], boolean]>([
  ['a header that is there', has('a'), ['a'], true],
  ['a header that is not', has('a'), ['b'], false],
  ['all of no headers', { kind: 'headers', headers: [] }, [], true],
  ['any_match', { kind: 'constant', value: true }, [], true],
  ['what is not looked at', { kind: 'constant', value: false }, ['a'], false],
  ['not', { kind: 'not', rule: has('a') }, ['b'], true],
  ['and: both', { kind: 'and', rules: [has('a'), has('b')] }, ['a', 'b'], true],
  ['and: one', { kind: 'and', rules: [has('a'), has('b')] }, ['b'], false],
  ['or: one', { kind: 'or', rules: [has('a'), has('b')] }, ['b'], true],
  ['or: none', { kind: 'or', rules: [has('a'), has('b')] }, ['c'], false],
])('%s', (_name, settings, names, expected) => {
  expect(judge(settings, ...names)).toBe(expected);
});
