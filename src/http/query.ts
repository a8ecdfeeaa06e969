/** Query strings, read in place: nothing is split or decoded for a request that does not need it. */

/** The path without query and fragment: what routes match. */
export function pathOnly(path: string): string {
  const query = path.indexOf('?');
  const fragment = path.indexOf('#');
  if (query < 0) return fragment < 0 ? path : path.slice(0, fragment);
  return path.slice(0, fragment >= 0 && fragment < query ? fragment : query);
}

/** First value of `name` in the query of `path`, not decoded; '' for a key without "="; undefined if there is none. */
export function queryParameter(path: string, name: string): string | undefined {
  let at = path.indexOf('?') + 1;
  if (at === 0) return undefined;
  const fragment = path.indexOf('#', at);
  const end = fragment < 0 ? path.length : fragment;
  while (at < end) {
    const and = path.indexOf('&', at);
    const stop = and < 0 || and > end ? end : and;
    if (path.startsWith(name, at)) {
      const after = at + name.length;
      if (after === stop) return '';
      if (after < stop && path.charCodeAt(after) === 0x3d) return path.slice(after + 1, stop);
    }
    at = stop + 1;
  }
  return undefined;
}

/** %XX sequences as the bytes that they stand for; anything else as it is. */
export function percentDecode(text: string): string {
  return text.includes('%') ? text.replace(/%[0-9a-fA-F]{2}/g, (hex) => String.fromCharCode(Number.parseInt(hex.slice(1), 16))) : text;
}
