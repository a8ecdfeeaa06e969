/** What may stand in :authority. Source: RFC 3986 §3.2, as Envoy checks it. */
import { HOST } from '../h1/char-table.ts';

export function isValidAuthority(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (HOST[code] === 0 && code !== 0x25 && code !== 0x40) return false;
  }
  return true;
}
