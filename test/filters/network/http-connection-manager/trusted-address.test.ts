import { describe, expect, test } from 'vitest';
import { InternalAddresses, xffAddress, xffUntrusted } from '../../../../src/filters/network/http-connection-manager/trusted-address.ts';
import { ipAddress, pipeAddress } from '../../../../src/net/address.ts';
import { parseCidr } from '../../../../src/net/cidr.ts';
import { requestHeaders } from '../../../support/hcm-rig.ts';

const xff = (value: string) => requestHeaders({ 'x-forwarded-for': value });

describe('the address so many hops from the right', () => {
  const cases: [string, number, string | null, boolean?][] = [
    ['1.2.3.4', 0, '1.2.3.4', true],
    ['1.2.3.4, 5.6.7.8', 0, '5.6.7.8', false],
    ['1.2.3.4, 5.6.7.8', 1, '1.2.3.4', false],
    ['1.2.3.4,5.6.7.8 , 9.9.9.9', 2, '1.2.3.4', false],
    ['1.2.3.4', 1, null],
    ['1.2.3.4, 5.6.7.8', 2, null],
    ['2001:db8::1', 0, '2001:db8::1', true],
    ['', 0, null],
    ['unknown', 0, null],
    ['1.2.3.4:80', 0, null],
    ['1.2.3.4, 300.1.1.1', 0, null],
    ['unknown, 1.2.3.4', 0, '1.2.3.4', false],
    ['1.2.3.4,', 0, null],
  ];
  for (const [value, hops, ip, only] of cases) {
    test(`"${value}" at ${hops}: ${ip}`, () => {
      expect(xffAddress(xff(value), hops)).toEqual(ip === null ? null : { ip, only });
    });
  }

  test('no header, no address', () => {
    expect(xffAddress(requestHeaders(), 0)).toBe(null);
    expect(xffUntrusted(requestHeaders(), [])).toBe(null);
  });
});

describe('the first address from the right that is not trusted', () => {
  const trusted = [parseCidr('10.0.0.0/8')!, parseCidr('2001:db8::/32')!];
  const cases: [string, string | null, boolean?][] = [
    ['1.2.3.4', '1.2.3.4', true],
    ['1.2.3.4, 10.1.1.1, 2001:db8::7', '1.2.3.4', false],
    ['6.6.6.6, 1.2.3.4, 10.1.1.1', '1.2.3.4', false],
    ['10.2.2.2, 10.1.1.1', '10.2.2.2', false],
    ['10.2.2.2', '10.2.2.2', true],
    ['bad, 10.1.1.1', null],
    ['1.2.3.4, bad, 10.1.1.1', null],
    ['bad, 1.2.3.4', '1.2.3.4', false],
  ];
  for (const [value, ip, only] of cases) {
    test(`"${value}": ${ip}`, () => {
      expect(xffUntrusted(xff(value), trusted)).toEqual(ip === null ? null : { ip, only });
    });
  }
});

describe('internal addresses', () => {
  test('nothing is internal unless it is configured', () => {
    const none = new InternalAddresses([], false);
    expect(none.none).toBe(true);
    for (const ip of ['127.0.0.1', '10.0.0.1', '192.168.0.1', '::1', 'fd00::1']) expect(none.hasIp(ip)).toBe(false);
    expect(none.has(pipeAddress('/s'))).toBe(false);
  });

  test('ranges and unix sockets', () => {
    const some = new InternalAddresses(['10.0.0.0/8', 'fd00::/8'], true);
    expect(some.none).toBe(false);
    expect(['10.255.0.1', 'fd12::1', '11.0.0.1', 'fe80::1'].map((ip) => some.has(ipAddress(ip, 1)))).toEqual([true, true, false, false]);
    expect(some.has(pipeAddress('/s'))).toBe(true);
    expect(new InternalAddresses([], true).none).toBe(false);
  });
});
