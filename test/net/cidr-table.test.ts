import { describe, expect, test } from 'vitest';
import { ipAddress, pipeAddress } from '../../src/net/address.ts';
import { parseCidr } from '../../src/net/cidr.ts';
import { CidrTable } from '../../src/net/cidr-table.ts';

describe('CidrTable', () => {
  const table = new CidrTable<string>();
  for (const range of ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32', '10.1.2.128/25', '::/0', '2001:db8::/33', 'fe80::1/128']) {
    table.getOrInsert(parseCidr(range)!, () => range);
  }
  table.fallback = 'none';

  test.each([
    ['10.9.9.9', '10.0.0.0/8'],
    ['10.1.9.9', '10.1.0.0/16'],
    ['10.1.2.3', '10.1.2.3/32'],
    ['10.1.2.129', '10.1.2.128/25'],
    ['10.1.2.127', '10.1.0.0/16'],
    ['11.0.0.0', 'none'],
    ['2001:db8:7fff::', '2001:db8::/33'],
    ['2001:db8:8000::', '::/0'],
    ['fe80::1', 'fe80::1/128'],
    ['::ffff:10.9.9.9', '10.0.0.0/8'],
  ])('%s is in %s', (ip, range) => {
    expect(table.lookup(ipAddress(ip, 1))).toBe(range);
  });

  test('what is no IP address gets the fallback', () => {
    expect(table.lookup(pipeAddress('/x'))).toBe('none');
  });

  test('the same range is one entry, however it is written', () => {
    expect(table.getOrInsert(parseCidr('10.255.0.1/8')!, () => 'new')).toBe('10.0.0.0/8');
  });
});
