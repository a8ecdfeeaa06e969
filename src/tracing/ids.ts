/** Identifiers of spans and traces: hexadecimal text. */
import type { Random } from '../runtime/random.ts';

const ZERO = '0000000000000000';

/** 16 digits, not all 0. */
export function newId(random: Random): string {
  const id = hex32(random.nextU32()) + hex32(random.nextU32());
  return id === ZERO ? newId(random) : id;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Eight digits. By the table, since every request makes ids, sampled or not: Number's own toString costs five times as much. */
export function hex32(value: number): string {
  return HEX[value >>> 24]! + HEX[(value >>> 16) & 0xff]! + HEX[(value >>> 8) & 0xff]! + HEX[value & 0xff]!;
}

export function isHex(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i) | 0x20;
    if (!((c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66))) return false;
  }
  return text.length > 0;
}

/** An id of at most 16 digits, as 16; '' if it is none. */
export function parseId(text: string): string {
  if (text.length > 16 || !isHex(text)) return '';
  return text.toLowerCase().padStart(16, '0');
}

/** An id of at most 16 digits, or of 32; 16 or 32 digits, '' if it is none. A first half of zeros is none, as Envoy reads it. */
export function parseTraceId(text: string): string {
  if (text.length !== 32) return parseId(text);
  if (!isHex(text)) return '';
  const lower = text.toLowerCase();
  return lower.startsWith(ZERO) ? lower.slice(16) : lower;
}
