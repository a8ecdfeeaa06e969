/** Field lines of a head or trailer section as one latin1 string, which leaves with the rest of the turn in one write. */
import type { HeaderMap } from '../header-map.ts';
import { spell } from './header-case.ts';
import type { Http1Settings } from './settings.ts';

/** Every line but Transfer-Encoding: how a message is framed is for its writer alone to say, so that nothing can contradict it. */
export function fieldLines(headers: HeaderMap, format: Http1Settings['headerKeyFormat']): string {
  const names = headers.names;
  const values = headers.values;
  let text = '';
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (name === 'transfer-encoding') continue;
    text += (format === 'lower' ? name : spell(name, headers, format)) + ': ' + values[i]! + '\r\n';
  }
  return text;
}

const HEX_SIZES: readonly string[] = Array.from({ length: 1024 }, (_, size) => size.toString(16) + '\r\n');

/** "1f4\r\n" */
export function chunkSizeLine(size: number): string {
  return size < 1024 ? HEX_SIZES[size]! : size.toString(16) + '\r\n';
}
