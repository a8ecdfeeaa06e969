/** Against an implementation that has nothing in common with it. */
import { fromBinary } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ProtobufWriter, utf8 } from '../../src/runtime/protobuf-writer.ts';

/** google.protobuf.Struct { map<string, Value> fields = 1 }; Value { number_value = 2; string_value = 3; struct_value = 5 }. */
function field(out: ProtobufWriter, name: string, value: (out: ProtobufWriter) => void): void {
  const entry = out.begin(1);
  out.text(1, name);
  const start = out.begin(2);
  value(out);
  out.end(start);
  out.end(entry);
}

test.each([0, 1, 100, 126, 127, 128, 129, 300, 16_380, 16_384, 70_000])('messages of %i bytes within messages', (length) => {
  const out = new ProtobufWriter();
  field(out, 'inner', (inner) => {
    const start = inner.begin(5);
    field(inner, 'text', (value) => value.text(3, 'x'.repeat(length)));
    field(inner, 'number', (value) => value.double(2, -1.5));
    inner.end(start);
  });
  field(out, 'é', (value) => value.text(3, Buffer.from('ü').toString('latin1')));
  const { fields } = fromBinary(StructSchema, out.finish());
  const inner = fields['inner']!.kind.value as { fields: Record<string, { kind: { value: unknown } }> };
  expect(inner.fields['text']!.kind.value).toBe('x'.repeat(length));
  expect(inner.fields['number']!.kind.value).toBe(-1.5);
  // The name was no UTF-8.
  expect(fields['!']!.kind.value).toBe('ü');
});

test.each([
  [0, '0800'],
  [127, '087f'],
  [128, '088001'],
  [2 ** 31, '088080808008'],
  [2 ** 32 - 1, '08ffffffff0f'],
  [Number.MAX_SAFE_INTEGER, '08ffffffffffffff0f'],
])('varint %i', (value, hex) => {
  expect(new ProtobufWriter().varint(1, value).finish().toString('hex')).toBe(hex);
});

test('negative numbers take ten bytes', () => {
  expect(new ProtobufWriter().signed(1, -2).finish().toString('hex')).toBe('08feffffffffffffffff01');
});

test('an empty message can be taken back', () => {
  const out = new ProtobufWriter().varint(1, 1);
  const before = out.length;
  expect(out.endOrDrop(out.begin(2), before)).toBe(true);
  const start = out.begin(3);
  out.varint(1, 1);
  expect(out.endOrDrop(start, before)).toBe(false);
  expect(out.finish().toString('hex')).toBe('08011a020801');
});

test('a writer can be used again', () => {
  const out = new ProtobufWriter(4).text(1, 'a long text that makes it grow');
  out.clear();
  expect(out.varint(1, 5).finish().toString('hex')).toBe('0805');
});

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex').toString('latin1');

test.each([
  ['plain', 'plain'],
  [hex('c3 a9 e2 82 ac f0 9f 98 80'), 'é€😀'],
  [hex('e9'), '!'],
  [hex('c3 28'), '!('],
  [hex('61 e2 82'), 'a!!'],
  [hex('ed a0 80'), '!!!'],
  [hex('e0 80 80 c0 af f5 80'), '!!!!!!!'],
  [hex('f4 90 80 80'), '!!!!'],
])('what is no UTF-8 is told byte by byte: %j', (wire, shown) => {
  expect(utf8(wire).toString('utf8')).toBe(shown);
});
