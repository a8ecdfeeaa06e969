import { expect, describe as group, test } from 'vitest';
import { changes, difference } from './diff.ts';
import { describe, type Message, MessageReader, type Role } from './message-reader.ts';

function readAll(role: Role, text: string, method = 'GET', pieces = 1): Message[] {
  const reader = new MessageReader(role);
  const messages: Message[] = [];
  reader.requestMethod = method;
  reader.onMessage = (message) => messages.push(message);
  const bytes = Buffer.from(text, 'latin1');
  const size = Math.ceil(bytes.length / pieces);
  for (let i = 0; i < bytes.length; i += size) reader.feed(bytes.subarray(i, i + size));
  reader.end();
  return messages;
}

group('the reader of the tests', () => {
  const CASES: readonly [string, Role, string, string, string, string, boolean][] = [
    // what                     role        bytes                                                             method  framing        body    whole
    ['content-length', 'response', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', 'GET', 'length', 'abc', true],
    [
      'chunks',
      'response',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\n\r\n',
      'GET',
      'chunked',
      'abc',
      true,
    ],
    ['until close', 'response', 'HTTP/1.1 200 OK\r\n\r\nabc', 'GET', 'until-close', 'abc', true],
    ['HEAD', 'response', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n', 'HEAD', 'none', '', true],
    ['304', 'response', 'HTTP/1.1 304 N\r\nContent-Length: 3\r\n\r\n', 'GET', 'none', '', true],
    ['a request without body', 'request', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', 'GET', 'none', '', true],
    ['cut off in the body', 'response', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'GET', 'length', 'abc', false],
    ['cut off in a chunk', 'response', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc', 'GET', 'chunked', 'abc', false],
    ['cut off in the head', 'response', 'HTTP/1.1 200 O', 'GET', 'none', '', false],
  ];
  test.each(CASES)('%s', (_what, role, bytes, method, framing, body, whole) => {
    for (const pieces of [1, 2, bytes.length]) {
      const [message, ...more] = readAll(role, bytes, method, pieces);
      expect(more).toEqual([]);
      expect([message?.framing, message?.body.toString(), message?.complete]).toEqual([framing, body, whole]);
    }
  });

  test('keeps the head byte for byte', () => {
    const [message] = readAll('request', 'GET / HTTP/1.1\r\nX-ODD:  v \r\nx-odd:\r\n\r\n');
    expect(message?.head).toBe('GET / HTTP/1.1\r\nX-ODD:  v \r\nx-odd:');
  });

  test('separates pipelined messages and interim responses', () => {
    const texts = readAll(
      'response',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 204 N\r\n\r\n',
    ).map(describe);
    expect(texts).toEqual(['HTTP/1.1 100 Continue', 'HTTP/1.1 200 OK\ncontent-length: 1\n\na', 'HTTP/1.1 204 N']);
  });

  test('shows trailers', () => {
    const [message] = readAll('request', 'POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-t: 1\r\n\r\n');
    expect(describe(message as Message)).toContain('[trailers]\nx-t: 1');
  });
});

group('the difference of two texts', () => {
  test('names both sides in order', () => {
    expect(difference('a\nb\nc', 'a\nx\nc')).toEqual(['  a', '- b', '+ x', '  c']);
    expect(changes('a\nb', 'b\nc')).toEqual(['- a', '+ c']);
    expect(changes('same', 'same')).toEqual([]);
  });
});
