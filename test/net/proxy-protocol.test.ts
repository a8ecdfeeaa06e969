import { expect, test } from 'vitest';
import { ipAddress, pipeAddress } from '../../src/net/address.ts';
import { passedTlvs, proxyProtocolHeader, sentTlvs, withHostTlvs } from '../../src/net/proxy-protocol.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const V4 = [ipAddress('10.0.0.1', 4660), ipAddress('10.0.0.2', 443)] as const;
const V6 = [ipAddress('::1', 4660), ipAddress('2001:db8::2', 443)] as const;
const MIXED = [V4[0], V6[1]] as const;

test('version 1 is a line of text', () => {
  expect(proxyProtocolHeader(1, ...V4).toString()).toBe('PROXY TCP4 10.0.0.1 10.0.0.2 4660 443\r\n');
  expect(proxyProtocolHeader(1, ...V6).toString()).toBe('PROXY TCP6 ::1 2001:db8::2 4660 443\r\n');
});

test('version 2 is binary', () => {
  expect(proxyProtocolHeader(2, ...V4).toString('hex')).toBe(`${SIGNATURE}2111000c0a0000010a000002123401bb`);
  expect(proxyProtocolHeader(2, ...V6).toString('hex')).toBe(
    `${SIGNATURE}21210024${'00'.repeat(15)}0120010db8${'00'.repeat(11)}02123401bb`,
  );
});

test('what has no two addresses of one family is told as such', () => {
  for (const [from, to] of [MIXED, [pipeAddress('/x'), V4[1]] as const]) {
    expect(proxyProtocolHeader(1, from, to).toString()).toBe('PROXY UNKNOWN\r\n');
    expect(proxyProtocolHeader(2, from, to).toString('hex')).toBe(`${SIGNATURE}20000000`);
  }
});

test('version 2 carries values, unless they are too many', () => {
  const tlvs = [
    { type: 2, value: Buffer.from('a.test') },
    { type: 0xe0, value: Buffer.alloc(300, 1) },
  ];
  const header = proxyProtocolHeader(2, ...V4, tlvs);
  expect(header.subarray(12, 16).toString('hex')).toBe(`2111${(12 + 9 + 303).toString(16).padStart(4, '0')}`);
  expect(header.subarray(28, 40).toString('latin1')).toBe('\x02\x00\x06a.test\xe0\x01\x2c');
  expect(header.length).toBe(28 + 9 + 303);
  const many = Array.from({ length: 3 }, () => ({ type: 5, value: Buffer.alloc(30_000) }));
  expect(proxyProtocolHeader(2, ...V4, many)).toEqual(proxyProtocolHeader(2, ...V4));
});

test('which values pass', () => {
  const tlvs = [1, 2, 3].map((type) => ({ type, value: Buffer.alloc(0) }));
  expect(passedTlvs(tlvs, 'all')).toBe(tlvs);
  expect(passedTlvs(tlvs, [3, 1]).map(({ type }) => type)).toEqual([1, 3]);
  expect(passedTlvs(tlvs, [])).toEqual([]);
});

test("values that are added stand for those of their type, and a host's for those of all", () => {
  const added = (type: number, text: string) => ({ type, value: Buffer.from(text).toString('base64') });
  const settings = { version: 2, tlvs: 'all', added: [added(1, 'all'), added(2, 'all')], tlvsApart: false } as const;
  const own = [
    { type: 2, value: Buffer.from('client') },
    { type: 3, value: Buffer.from('client') },
  ];
  const sent = (of: typeof settings | ReturnType<typeof withHostTlvs>) => sentTlvs(of, own).map(({ type, value }) => `${type} ${value}`);
  expect(sent(settings)).toEqual(['1 all', '2 all', '3 client']);
  expect(sent(withHostTlvs(settings, [added(1, 'host'), added(4, 'host')]))).toEqual(['1 host', '4 host', '2 all', '3 client']);
});
