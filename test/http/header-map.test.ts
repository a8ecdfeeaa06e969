import { describe, expect, test } from 'vitest';
import { HeaderMap, RequestHeaders, ResponseHeaders } from '../../src/http/header-map.ts';

function list(headers: HeaderMap): string {
  return headers.names.map((name, i) => `${name}=${headers.values[i]}`).join(' ');
}

function filled<T extends HeaderMap>(headers: T, ...lines: [name: string, value: string][]): T {
  for (const [name, value] of lines) headers.add(name, value);
  return headers;
}

describe('header map', () => {
  const sample = (): HeaderMap => filled(new HeaderMap(), ['a', '1'], ['b', '2'], ['a', '3'], ['c', '4']);

  test('finds the first, all, or the joined values', () => {
    const headers = sample();
    expect([headers.size, headers.get('a'), headers.get('x'), headers.has('b'), headers.has('x')]).toEqual([
      4,
      '1',
      undefined,
      true,
      false,
    ]);
    expect([headers.joined('a'), headers.joined('b'), headers.joined('x')]).toEqual(['1,3', '2', undefined]);
    expect([headers.getAll('a'), headers.getAll('x')]).toEqual([['1', '3'], []]);
  });

  test.each<[string, (headers: HeaderMap) => unknown, string]>([
    ['set replaces every line by one in the place of the first', (h) => h.set('a', '9'), 'a=9 b=2 c=4'],
    ['set adds what is not there', (h) => h.set('x', '9'), 'a=1 b=2 a=3 c=4 x=9'],
    ['remove takes every line', (h) => h.remove('a'), 'b=2 c=4'],
    ['remove of nothing changes nothing', (h) => h.remove('x'), 'a=1 b=2 a=3 c=4'],
    ['removeIf keeps the order of the rest', (h) => h.removeIf((name) => name !== 'a'), 'a=1 a=3'],
    ['setAt', (h) => h.setAt(2, '9'), 'a=1 b=2 a=9 c=4'],
  ])('%s', (_, change, expected) => {
    const headers = sample();
    change(headers);
    expect(list(headers)).toBe(expected);
  });

  test('remove tells whether there was one', () => {
    expect([sample().remove('a'), sample().remove('x')]).toEqual([true, false]);
  });

  test.each<[HeaderMap, string, string]>([
    [new RequestHeaders(), 'accept', 'accept=1,2'],
    [new RequestHeaders(), 'x-custom', 'x-custom=1 x-custom=2'],
    [new RequestHeaders(), 'etag', 'etag=1 etag=2'],
    [new RequestHeaders(), 'x-forwarded-for', 'x-forwarded-for=1,2'],
    [new ResponseHeaders(), 'etag', 'etag=1,2'],
    [new ResponseHeaders(), 'accept', 'accept=1 accept=2'],
    [new ResponseHeaders(), 'set-cookie', 'set-cookie=1 set-cookie=2'],
    [new ResponseHeaders(), 'via', 'via=1,2'],
    [new HeaderMap(), 'via', 'via=1 via=2'],
  ])('append of %o %s', (headers, name, expected) => {
    headers.append(name, '1');
    headers.append(name, '2');
    expect(list(headers)).toBe(expected);
  });

  test('append to an empty value leaves no comma', () => {
    const headers = filled(new RequestHeaders(), ['via', '']);
    headers.append('via', 'x');
    expect(list(headers)).toBe('via=x');
  });

  test('pseudo headers are looked up by name', () => {
    const request = filled(new RequestHeaders('GET', '/p', 'h', 'https'), ['a', '1'], ['a', '2']);
    expect([':method', ':path', ':authority', ':scheme', ':protocol', ':x', 'a', 'b'].map((name) => request.lookup(name))).toEqual([
      'GET',
      '/p',
      'h',
      'https',
      undefined,
      undefined,
      '1,2',
      undefined,
    ]);
    expect(new RequestHeaders('CONNECT').lookup(':path')).toBeUndefined();
    expect(new ResponseHeaders(204).lookup(':status')).toBe('204');
  });

  test('a copy shares nothing', () => {
    const request = filled(new RequestHeaders('GET', '/p', 'h'), ['a', '1']);
    request.rawNames = ['A'];
    request.protocol = 'websocket';
    const copy = request.clone();
    copy.set('a', '2');
    copy.add('b', '3');
    expect(list(request)).toBe('a=1');
    expect([list(copy), copy.method, copy.path, copy.authority, copy.protocol, copy.rawNames]).toEqual([
      'a=2 b=3',
      'GET',
      '/p',
      'h',
      'websocket',
      ['A'],
    ]);
    const response = filled(new ResponseHeaders(200), ['a', '1']);
    expect([list(response.clone()), response.clone().status]).toEqual(['a=1', 200]);
  });

  test('bytes are counted as Envoy counts them', () => {
    expect(filled(new HeaderMap(), ['ab', 'cde'], ['f', '']).byteSize()).toBe(6);
    expect(filled(new RequestHeaders('GET', '/', 'h', 'http'), ['a', 'b']).byteSize()).toBe(
      'ab'.length + ':methodGET:path/:authorityh:schemehttp'.length,
    );
    expect(new ResponseHeaders(200).byteSize()).toBe(10);
  });
});
