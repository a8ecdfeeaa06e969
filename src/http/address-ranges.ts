/** IP addresses of requests against ranges, for folders that know no sockets. */
import type { Address } from '../net/address.ts';
import { parseIpBytes } from '../net/address.ts';
import { type Cidr, parseCidr } from '../net/cidr.ts';
import { formatIpv6 } from '../net/socket-options.ts';

export function isCidr(text: string): boolean {
  return parseCidr(text) !== null;
}

export class AddressRanges {
  readonly #ranges: readonly Cidr[];

  /** @param ranges "10.0.0.0/8"; what is none is left out */
  constructor(ranges: readonly string[]) {
    this.#ranges = ranges.map(parseCidr).filter((range) => range !== null);
  }

  contains(address: Address): boolean {
    if (address.kind !== 'ip') return false;
    const bytes = parseIpBytes(address.ip);
    if (bytes === null) return false;
    for (let i = 0; i < this.#ranges.length; i++) if (this.#ranges[i]!.containsBytes(bytes)) return true;
    return false;
  }
}

/** "10.1.0.0/16": the range of that length that the address is in; '' for what is no IP address. */
export function rangeOf(address: Address, v4Length: number, v6Length: number): string {
  const bytes = address.kind === 'ip' ? parseIpBytes(address.ip) : null;
  if (bytes === null) return '';
  const length = bytes.length === 4 ? v4Length : v6Length;
  for (let i = 0; i < bytes.length; i++) {
    const kept = Math.max(0, Math.min(8, length - 8 * i));
    bytes[i]! &= (0xff00 >> kept) & 0xff;
  }
  return `${bytes.length === 4 ? bytes.join('.') : formatIpv6(bytes)}/${length}`;
}
