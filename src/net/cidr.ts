/** CIDR ranges: parsing, and membership of one range. Longest-prefix tables are built on top of it. */
import { parseIpBytes } from './address.ts';

export class Cidr {
  readonly bytes: Uint8Array;
  readonly prefixLength: number;

  constructor(bytes: Uint8Array, prefixLength: number) {
    this.bytes = bytes;
    this.prefixLength = prefixLength;
  }

  contains(ip: string): boolean {
    const bytes = parseIpBytes(ip);
    return bytes !== null && this.containsBytes(bytes);
  }

  /** @param ip 4 or 16 bytes in network order; another family never matches */
  containsBytes(ip: Uint8Array): boolean {
    if (ip.length !== this.bytes.length) return false;
    const whole = this.prefixLength >> 3;
    for (let i = 0; i < whole; i++) if (ip[i] !== this.bytes[i]) return false;
    const rest = this.prefixLength & 7;
    return rest === 0 || (ip[whole]! ^ this.bytes[whole]!) >> (8 - rest) === 0;
  }
}

/** "10.0.0.0/8", or an address alone for a range of one; null if it is no range. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const bytes = parseIpBytes(slash < 0 ? text : text.slice(0, slash));
  if (bytes === null) return null;
  const bits = bytes.length * 8;
  if (slash < 0) return new Cidr(bytes, bits);
  const lengthText = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(lengthText)) return null;
  return new Cidr(bytes, Math.min(bits, Number(lengthText)));
}
