/** The static table of HPACK. Source: RFC 7541 appendix A. */

const ENTRIES = `
:authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|:status=206|:status=304
:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept
access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|content-encoding|content-language|content-length
content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range
if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after
server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate`
  .trim()
  .split(/[|\n]/);

/** By index − 1. */
export const STATIC_NAMES: readonly string[] = ENTRIES.map((entry) => entry.split('=', 1)[0]!);
export const STATIC_VALUES: readonly string[] = ENTRIES.map((entry) => (entry.includes('=') ? entry.slice(entry.indexOf('=') + 1) : ''));
export const STATIC_COUNT = STATIC_NAMES.length;

/** What RFC 7541 §4.1 adds to the length of name and value. */
export const ENTRY_OVERHEAD = 32;

/** First index of a name; 0 = none. */
export function staticIndex(name: string): number {
  return STATIC_NAMES.indexOf(name) + 1;
}
