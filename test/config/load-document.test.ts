import { describe, expect, test } from 'vitest';
import { documentFormat, parseCompleteYaml, parseDocument } from '../../src/config/load-document.ts';

const yaml = (text: string) => parseDocument(text, 'x.yaml', 'yaml');
const json = (text: string) => parseDocument(text, 'x.json', 'json');

describe('YAML', () => {
  test.each([
    ['a byte-order mark', '\ufeffa: 1', { a: 1 }],
    ['the first of several documents', '---\na: 1\n---\nb: {', { a: 1 }],
    ['an end marker', 'a: 1\n...\nb', { a: 1 }],
    ['the last of equal keys', 'a: 1\na: 2', { a: 2 }],
    ['anchors', 'a: &x {b: 1}\nc: *x', { a: { b: 1 }, c: { b: 1 } }],
    ['merge keys stay keys', 'a: &x {b: 1}\nc: {<<: *x}', { a: { b: 1 }, c: { '<<': { b: 1 } } }],
    ['keys that are not strings', '5: a\ntrue: b', { '5': 'a', true: 'b' }],
    ['a tag makes a quoted scalar plain', 'a: !!int "5"\nb: !!str 5', { a: 5, b: 5 }],
    ['keys tagged !ignore are left out', '!ignore x: &a {b: 1}\nc: *a', { c: { b: 1 } }],
    ['quoted scalars are strings', 'a: "5"\nb: \'yes\'', { a: '5', b: 'yes' }],
    ['block scalars are strings', 'a: |\n  5\n', { a: '5\n' }],
    ['JSON', '{"a": [1, true, null, "x"]}', { a: [1, true, null, 'x'] }],
    ['a key that would be dangerous', '__proto__: {a: 1}', JSON.parse('{"__proto__": {"a": 1}}')],
  ])('%s', (_what, text, value) => {
    const document = yaml(text);
    expect(document.problems).toEqual([]);
    expect(document.value).toEqual(value);
    expect(Object.keys(document.value as object)).toEqual(Object.keys(value as object));
  });

  test.each([
    ['', 1, 1],
    ['# nothing', 1, 1],
    ['a: 1\n\tb: 2', 2, 1],
    ['a:\n  b: 1\n c: 2', 3, 1],
    ['a: *nope', 1, 4],
    ['a: [1, 2', 1, 9],
  ])('%j is refused at %i:%i', (text, line, column) => {
    expect(yaml(text).problems[0]).toMatchObject({ line, column });
  });

  test('a position is that of the key, and of the nearest thing above if there is none', () => {
    const document = yaml('a:\n  b:\n    - name: x\n      lbPolicy: RANDOM\n');
    expect(document.position(['a', 'b', 0, 'lb_policy'])).toEqual({ line: 4, column: 7 });
    expect(document.position(['a', 'b', 0, 'missing', 'deeper'])).toEqual({ line: 3, column: 7 });
    expect(document.position(['a', 'b', 7])).toEqual({ line: 2, column: 3 });
    expect(document.position([])).toEqual({ line: 1, column: 1 });
  });

  test('positions go through anchors and single values for lists', () => {
    const document = yaml('x: &x\n  y: 1\nl: *x\n');
    expect(document.position(['l', 0, 'y'])).toEqual({ line: 2, column: 3 });
  });

  test('positions go into the value of a TypedStruct', () => {
    const document = yaml('c:\n  "@type": type.googleapis.com/xds.type.v3.TypedStruct\n  type_url: x\n  value:\n    a: {b: 1}\n');
    expect(document.position(['c', 'a', 'b'])).toEqual({ line: 5, column: 9 });
  });

  test('the complete reader agrees', () => {
    const text = 'a:\n- b: 1 # one\n  c: [x, {d: "e"}]\n-\n  - f\n"g": \'it\'\'s\'\n';
    expect(parseCompleteYaml(text, 'x').value).toEqual(yaml(text).value);
  });
});

describe('JSON', () => {
  test.each([
    ['{"a": 1}', { a: 1 }],
    ['{"a": 1,}', { a: 1 }],
    ["{'a': 'b'}", { a: 'b' }],
    ['{a: "b"}', { a: 'b' }],
    ['{"a": 12345678901234567890}', { a: '12345678901234567890' }],
    ['{"a": 1, "a": 2}', { a: 2 }],
  ])('%s', (text, value) => {
    expect(json(text)).toMatchObject({ value, problems: [] });
  });

  test.each([['{/* x */"a": 1}'], ['{"a": 1} # x'], ['\ufeff{}'], ['{} x'], [''], ['{"a"']])('%j is refused', (text) => {
    expect(json(text).problems).toHaveLength(1);
  });

  test('an error has its line and column', () => {
    expect(json('{\n  "a": 1\n  "b": 2\n}').problems[0]).toMatchObject({ line: 3, column: 3 });
  });
});

test.each([
  ['a.yaml', '{}', 'yaml'],
  ['a.YML', '', 'yaml'],
  ['a.json', 'a: 1', 'json'],
  ['/dev/fd/63', ' {"a": 1}', 'json'],
  ['/dev/fd/63', 'a: 1', 'yaml'],
])('the format of %s holding %j is %s', (path, text, format) => {
  expect(documentFormat(path, text)).toBe(format);
});
