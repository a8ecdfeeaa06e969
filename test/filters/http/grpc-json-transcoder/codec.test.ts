/** JSON and protobuf by descriptors. The comparison with Envoy has the filter as a whole (test/envoy/transcoding.test.ts). */
import { expect, test } from 'vitest';
import {
  ArraySplitter,
  bind,
  decodeHttpBody,
  encodeMessage,
  fixEnums,
  parseJson,
  printMessage,
  resolveFields,
  TypeSet,
} from '../../../../src/filters/http/grpc-json-transcoder/codec.ts';
import type { PrintSettings } from '../../../../src/filters/http/grpc-json-transcoder/settings.ts';
import { SHOP_DESCRIPTOR } from '../../../support/shop-descriptor.ts';

const types = new TypeSet(Buffer.from(SHOP_DESCRIPTOR, 'base64'));
const book = types.message('shop.Book');
const PRINT: PrintSettings = {
  whitespace: false,
  primitives: false,
  enumsAsInts: false,
  protoNames: false,
  newlineDelimited: false,
  sse: false,
};

test('there and back', () => {
  const json = '{"id":"1","pages":"9007199254740993","size":"LARGE","author":{"name":"J"},"tags":["a"],"stock":{"x":1},"shelfName":"top"}';
  const bytes = encodeMessage(types, book, parseJson(json), {});
  expect(printMessage(types, book, bytes, PRINT)).toBe(json);
  expect(printMessage(types, book, bytes, { ...PRINT, enumsAsInts: true, protoNames: true })).toContain('"size":2');
  expect(printMessage(types, book, bytes, { ...PRINT, whitespace: true })).toContain('\n "id": "1",\n');
});

test('large numbers keep every digit', () => {
  const bytes = encodeMessage(types, book, parseJson('{"pages":9007199254740993}'), {});
  expect(printMessage(types, book, bytes, PRINT)).toBe('{"pages":"9007199254740993"}');
});

test('bindings fill in what the body does not say', () => {
  const target = {};
  const fields = (...names: string[]) => resolveFields(book, names)!;
  const bindings = [
    { fields: fields('id'), value: 'bound' },
    { fields: fields('author', 'name'), value: 'J' },
    { fields: fields('author', 'born'), value: '1775' },
    { fields: fields('tags'), value: 'b' },
    { fields: fields('shelf_name'), value: 'top' },
  ];
  const collision = bind(target, { id: 'own', tags: ['a'], shelf_name: 'top' }, bindings);
  expect(target).toEqual({ author: { name: 'J', born: '1775' }, tags: ['b'] });
  expect(collision).toBe('The binding value "bound" of the field id is conflicting with the value "own" in the body.');
  const bytes = encodeMessage(types, book, { tags: ['a'] }, target);
  expect(printMessage(types, book, bytes, PRINT)).toBe('{"author":{"name":"J","born":1775},"tags":["a","b"]}');
});

test('fields that nothing can be bound to', () => {
  expect(resolveFields(book, ['stock'])).toBeNull();
  expect(resolveFields(book, ['nobody'])).toBeNull();
  expect(resolveFields(book, ['id', 'more'])).toBeNull();
});

test('enums in any case', () => {
  const json = { size: 'large', tags: ['large'] };
  fixEnums(book, json);
  expect(json).toEqual({ size: 'LARGE', tags: ['large'] });
});

test('HttpBody, whole and in a field', () => {
  const cover = types.message('shop.Cover');
  const bytes = encodeMessage(types, cover, { image: { contentType: 'image/png', data: 'AAEC' } }, {});
  expect(decodeHttpBody(types, cover, cover.fields[1]!, bytes)).toEqual({ contentType: 'image/png', data: Buffer.from([0, 1, 2]) });
  expect(decodeHttpBody(types, cover, cover.fields[1]!, Buffer.alloc(0))).toEqual({ contentType: '', data: Buffer.alloc(0) });
});

test('broken messages and values are errors', () => {
  expect(() => printMessage(types, book, Buffer.from([10, 127, 1]), PRINT)).toThrow();
  expect(() => encodeMessage(types, book, { pages: 'many' }, {})).toThrow();
});

const ARRAY = ' [ {"a":"]\\"}"}, {"b":[1,{"c":2}]} ,3] ';

test.each([1, 2, 3, 5, 100])('arrays in pieces of %i', (size) => {
  const splitter = new ArraySplitter();
  const found: string[] = [];
  for (let at = 0; at < ARRAY.length; at += size) found.push(...splitter.feed(ARRAY.slice(at, at + size))!);
  expect(found).toEqual(['{"a":"]\\"}"}', '{"b":[1,{"c":2}]}', '3']);
  expect(splitter.complete).toBe(true);
});

test('what is no array', () => {
  expect(new ArraySplitter().feed('{}')).toBeNull();
  expect(new ArraySplitter().feed('[] 1')).toBeNull();
  const open = new ArraySplitter();
  expect(open.feed('[{}')).toEqual([]);
  expect(open.complete).toBe(false);
});
