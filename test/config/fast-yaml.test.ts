import { describe, expect, test } from 'vitest';
import { parseFastYaml } from '../../src/config/fast-yaml.ts';
import { parseCompleteYaml } from '../../src/config/load-document.ts';

const SAMPLE = `# a comment
static_resources:
  listeners:
  - name: main   # trailing
    address:
      socket_address: {address: 0.0.0.0, port_value: 10000}
    filter_chains:
      - filters:
          -
            name: "envoy.filters.network.http_connection_manager"
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
              'stat_prefix': it''s
              url: http://a.b/c?d#e
              list: [a, 'b, c', "d\\"e", [1, yes], {}, ]
              empty:
              minus: -
              nested:
              - - 1
                - 2
              - k: v
                l: ~
...
ignored: [
`;

describe('the fast reader', () => {
  test.each([
    ['a: 1'],
    ['- a\n- b'],
    ['a:\n- b\nc: d'],
    ['a:\n  - b: 1\n    c: 2\n  - d'],
    ['{a: b, "c":d, e: }'],
    ['[]'],
    ['a: b:c'],
    ['a: -1\nb: .5\nc: ~'],
    ['---\na: 1\n---\nb'],
    ['plain text'],
  ])('reads %j like the complete one', (text) => {
    const fast = parseFastYaml(text);
    expect(fast).toBeDefined();
    expect(fast).toEqual(parseCompleteYaml(text, 'x').value);
  });

  test.each([
    ['an anchor', 'a: &x 1'],
    ['an alias', 'a: *x'],
    ['a tag', 'a: !x 1'],
    ['a block scalar', 'a: |\n  b'],
    ['text over two lines', 'a: b\n  c'],
    ['a flow map over two lines', 'a: {b: 1,\n  c: 2}'],
    ['a tab', 'a:\t1'],
    ['a carriage return', 'a: 1\r\n'],
    ['a complex key', '? a\n: b'],
    ['a merge key', '<<: {a: 1}'],
    ['bad indentation', 'a:\n  b: 1\n c: 2'],
    ['an open quote', 'a: "b'],
    ['two keys on a line', 'a: b: c'],
    ['a directive', '%YAML 1.2\n---\na: 1'],
    ['no space after a quoted key', '"a":b'],
    ['nothing', ''],
  ])('leaves %s to the complete one', (_what, text) => {
    expect(parseFastYaml(text)).toBeUndefined();
  });

  test('whatever it reads, the complete reader reads the same (seeded mutations)', () => {
    const pieces = ['#', ' #', ': ', ':', '-', '- ', '\n', ' ', '{', '}', '[', ']', ',', '"', "'", '\\', '|', '&a', '?', '~', 'é', '<<'];
    const lines = SAMPLE.split('\n');
    let state = 12345;
    const below = (n: number): number => {
      // xorshift: the low bits must be good too.
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % n;
    };
    let read = 0;
    for (let i = 0; i < 20_000; i++) {
      const from = below(lines.length);
      const cut = lines.slice(from, from + 1 + below(10));
      const indent = Math.min(...cut.filter((l) => l.trim() !== '').map((l) => l.search(/\S/)), 100);
      let text = cut.map((l) => l.slice(indent)).join('\n');
      for (let k = below(4); k > 0; k--) {
        const at = below(text.length + 1);
        text =
          below(2) === 0
            ? text.slice(0, at) + pieces[below(pieces.length)] + text.slice(at)
            : text.slice(0, at) + text.slice(at + 1 + below(3));
      }
      const fast = parseFastYaml(text);
      if (fast === undefined) continue;
      read++;
      const complete = parseCompleteYaml(text, 'x');
      // What follows the first document is not looked at.
      if (/^(---|\.\.\.)/m.test(text.slice(1))) continue;
      expect({ text, value: fast, problems: [] }).toEqual({ text, value: complete.value, problems: complete.problems });
    }
    expect(read).toBeGreaterThan(3_000);
  });
});
