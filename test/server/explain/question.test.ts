import { describe, expect, test } from 'vitest';
import { QuestionError, questionFromJson, questionFromLine, questionFromParams } from '../../../src/server/explain/question.ts';

describe('a line', () => {
  test('method, URL and headers', () => {
    const question = questionFromLine('POST http://shop.test:81/cart?x=1', ['x-user: 7', 'X-Empty:', 'a: b: c'], '10.0.0.1:80');
    expect(question).toMatchObject({
      method: 'POST',
      scheme: 'http',
      authority: 'shop.test:81',
      path: '/cart?x=1',
      destination: '10.0.0.1:80',
    });
    expect(question.headers).toEqual([
      ['x-user', '7'],
      ['X-Empty', ''],
      ['a', 'b: c'],
    ]);
  });

  test('what may be left out', () => {
    expect(questionFromLine('http://shop.test', [], null)).toMatchObject({
      method: 'GET',
      authority: 'shop.test',
      path: '/',
      destination: '',
    });
    expect(questionFromLine('GET http://shop.test?x', [], null).path).toBe('/?x');
    expect(questionFromLine('GET /cart', ['Host: shop.test'], null)).toMatchObject({ authority: 'shop.test', path: '/cart', headers: [] });
    expect(questionFromLine('CONNECT db.test:5432', [], null)).toMatchObject({ authority: 'db.test:5432', path: '' });
  });

  test.each([
    ['', []],
    ['GET http://a/ HTTP/1.1', []],
    ['GET ftp://a/', []],
    ['G(T http://a/', []],
    ['GET http://a/', ['nothing']],
    ['GET http://a/', ['bad name: x']],
    ['GET http://a/', ['x: a\r\ny: b']],
  ])('refuses %j with %j', (line, headers) => {
    expect(() => questionFromLine(line, headers, null)).toThrow(QuestionError);
  });

  test('refuses a destination that is no address', () => {
    expect(() => questionFromLine('GET http://a/', [], 'shop.test:80')).toThrow("destination 'shop.test:80' is not ip:port");
  });
});

describe('JSON', () => {
  test('headers as an object or as pairs', () => {
    const object = questionFromJson({ authority: 'a', headers: { 'x-a': '1', 'x-b': ['2', '3'], Host: 'b' } });
    expect(object).toMatchObject({ method: 'GET', path: '/', authority: 'b', random: 0 });
    expect(object.headers).toEqual([
      ['x-a', '1'],
      ['x-b', '2'],
      ['x-b', '3'],
    ]);
    expect(questionFromJson({ authority: 'a', headers: [['x-a', '1']] }).headers).toEqual([['x-a', '1']]);
  });

  test('a request line in place of its parts', () => {
    const question = questionFromJson({ request: 'PUT https://a.test/x', source: '10.0.0.9:1', sni: 'A.test', random: 5 });
    expect(question).toMatchObject({ method: 'PUT', scheme: 'https', authority: 'a.test', source: '10.0.0.9:1', sni: 'a.test', random: 5 });
  });

  test.each([
    [1],
    [null],
    [[]],
    [{ path: 1 }],
    [{ headers: 'x' }],
    [{ headers: [[1, 2]] }],
    [{ random: 'x' }],
    [{ random: -1 }],
    [{ source: 'x' }],
  ])('refuses %j', (value) => {
    expect(() => questionFromJson(value)).toThrow(QuestionError);
  });
});

test('parameters', () => {
  const params = new URLSearchParams([
    ['request', 'GET http://a.test/x'],
    ['header', 'x-a: 1'],
    ['header', 'x-b: 2'],
    ['destination', '10.0.0.1:80'],
    ['random', '9'],
  ]);
  expect(questionFromParams(params)).toMatchObject({ authority: 'a.test', destination: '10.0.0.1:80', random: 9 });
  expect(questionFromParams(params).headers).toHaveLength(2);
  expect(() => questionFromParams(new URLSearchParams('random=x'))).toThrow(QuestionError);
  expect(() => questionFromParams(new URLSearchParams('header=x'))).toThrow(QuestionError);
});
