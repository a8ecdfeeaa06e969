/** How header names are spelled on the wire. Source: Http1ProtocolOptions.header_key_format. */
import type { HeaderMap } from '../header-map.ts';
import type { Http1Settings } from './settings.ts';

const MAX_ENTRIES = 2048;
let proper = new Map<string, string>();

/** "x-request-id" → "X-Request-Id": a letter at the start and after anything that is neither letter nor digit. */
export function properCase(name: string): string {
  let spelled = proper.get(name);
  if (spelled === undefined) {
    spelled = name.replace(/(^|[^a-z0-9])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
    if (proper.size >= MAX_ENTRIES) proper = new Map();
    proper.set(name, spelled);
  }
  return spelled;
}

/** The spelling of `name` in a message whose original spellings are `headers.rawNames`. */
export function spell(name: string, headers: HeaderMap, format: Http1Settings['headerKeyFormat']): string {
  if (format === 'lower') return name;
  if (format === 'proper') return properCase(name);
  const originals = headers.rawNames;
  if (originals !== null) {
    for (let i = 0; i < originals.length; i++) {
      const original = originals[i]!;
      if (original.length === name.length && original.toLowerCase() === name) return original;
    }
  }
  return name;
}
