import { describe, expect, test } from 'vitest';
import { parseDocument } from '../../src/config/load-document.ts';
import type { PathSegment } from '../../src/config/path.ts';

const TEXT = `{
  "admin": { "quoted \\"}\\\\": [1, -2.5e3, true], "accessLogPath": "x" },
  "list": [ { "a": [] , "b": {} }, [ "]", "}" ], null ,{"c":1,
    "c": 2}],
  "single": { "name": "s" },
  "typed": { "@type": "type.googleapis.com/xds.type.v3.TypedStruct", "value": { "inner": 7 } },
  "\\u0065scaped": 0
}
`;
const document = parseDocument(TEXT, 'x.json', 'json');

/** What stands at a position. */
function textAt(path: readonly PathSegment[]): string {
  const { line, column } = document.position(path);
  return TEXT.split('\n')[line - 1]!.slice(column - 1, column + 7);
}

describe('where a value of a JSON document stands', () => {
  test.each<[PathSegment[], string]>([
    [[], '{'],
    [['admin'], '"admin":'],
    [['admin', 'access_log_path'], '"accessL'],
    [['admin', { key: 'quoted "}\\' }, 1], '-2.5e3, '],
    [['admin', { key: 'quoted "}\\' }, 2], 'true], "'],
    [['list', 0, 'b'], '"b": {} '],
    [['list', 1, 1], '"}" ], n'],
    [['list', 2], 'null ,{"'],
    [['list', 3, 'c'], '"c": 2}]'],
    [['single', 0, 'name'], '"name": '],
    [['typed', 'inner'], '"inner":'],
    [['escaped'], '"\\u0065s'],
    // What is not there is reported at what is around it.
    [['single', 'missing', 'more'], '"single"'],
    [['list', 9], '"list": '],
    [['single', 1], '"single"'],
    [['nothing'], '{'],
  ])('%j', (path, expected) => {
    expect(textAt(path)).toBe(expected);
  });

  test('is where the complete parser of YAML finds it', () => {
    const yaml = parseDocument(TEXT.replace('"\\u0065scaped"', '"e"'), 'x.yaml', 'yaml');
    const json = parseDocument(TEXT.replace('"\\u0065scaped"', '"e"'), 'x.json', 'json');
    for (const path of [
      [],
      ['list', 0, 'a'],
      ['list', 3, 'c'],
      ['single', 0, 'name'],
      ['typed', 'inner'],
      ['e'],
      ['list', 7],
      ['admin', 'no'],
    ])
      expect(json.position(path)).toEqual(yaml.position(path));
  });
});
