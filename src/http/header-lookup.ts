/** Look-ups by names that come from configuration. */
import type { HeaderMap } from './header-map.ts';

/** First value of `name`, pseudo headers included; undefined if absent. */
export function firstValue(headers: HeaderMap, name: string): string | undefined {
  return name.charCodeAt(0) === 0x3a ? headers.lookup(name) : headers.get(name);
}

/** A header name as configured → as it is kept: lower case, and "host" is ":authority". */
export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower === 'host' ? ':authority' : lower;
}

/** Value of cookie `name`, without quotes; undefined if there is none. */
export function cookieValue(headers: HeaderMap, name: string): string | undefined {
  for (let i = headers.names.indexOf('cookie'); i >= 0; i = headers.names.indexOf('cookie', i + 1)) {
    const line = headers.values[i]!;
    for (let at = 0; at < line.length; ) {
      const semicolon = line.indexOf(';', at);
      const end = semicolon < 0 ? line.length : semicolon;
      while (at < end && line.charCodeAt(at) === 0x20) at++;
      if (line.startsWith(name, at) && line.charCodeAt(at + name.length) === 0x3d && at + name.length < end) {
        const value = line.slice(at + name.length + 1, end).trim();
        return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
      }
      at = end + 1;
    }
  }
  return undefined;
}
