import { expect, test } from 'vitest';
import { ipAddress, pipeAddress } from '../../src/net/address.ts';
import { proxyProtocolHeader } from '../../src/net/proxy-protocol.ts';

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
