/** The Connection header names fields that are meant for this hop only: they are removed here. Source: Envoy's Http::Utility::sanitizeConnectionHeader. */
import type { RequestHeaders } from '../header-map.ts';

const MAX_NOMINATED = 10;
const MAX_TE_LENGTH = 256;

/** Whether `list` holds `token` (lower case) between its commas. */
export function hasToken(list: string, token: string): boolean {
  if (list === token) return true;
  if (list.length < token.length) return false;
  const lower = list.toLowerCase();
  if (lower === token) return true;
  let from = 0;
  for (;;) {
    const at = lower.indexOf(token, from);
    if (at < 0) return false;
    if (endsItem(lower, at - 1, -1) && endsItem(lower, at + token.length, 1)) return true;
    from = at + 1;
  }
}

function endsItem(list: string, index: number, step: number): boolean {
  let i = index;
  while (i >= 0 && i < list.length && (list[i] === ' ' || list[i] === '\t')) i += step;
  return i < 0 || i >= list.length || list[i] === ',';
}

/**
 * Removes nominated headers and their tokens.
 * @param value the Connection header's value
 * @returns false when the header must be refused
 */
export function sanitizeConnection(headers: RequestHeaders, value: string, dropUpgrade: boolean): boolean {
  // Nearly always one of these, and nothing to do.
  if (!dropUpgrade && (value === 'keep-alive' || value === 'close' || value === 'Upgrade' || value === 'upgrade' || value === 'Keep-Alive'))
    return true;
  const tokens = value.split(',').filter((token) => token !== '');
  if (tokens.length >= MAX_NOMINATED) return false;
  const kept: string[] = [];
  const removed: string[] = [];
  for (const item of tokens) {
    const token = item.trim();
    const name = token.toLowerCase();
    if (name === 'upgrade' && dropUpgrade) continue;
    if (
      name === 'close' ||
      name === 'keep-alive' ||
      name === 'upgrade' ||
      name === 'connection' ||
      (name === 'http2-settings' && !dropUpgrade)
    ) {
      kept.push(token);
      continue;
    }
    if (name === 'x-forwarded-for' || name === 'x-forwarded-host' || name === 'x-forwarded-proto' || name.startsWith(':')) return false;
    if (name === 'te') {
      const te = headers.get('te');
      if (te !== undefined) {
        if (te.length >= MAX_TE_LENGTH) return false;
        if (hasToken(te, 'trailers')) {
          headers.set('te', 'trailers');
          kept.push(token);
          continue;
        }
      }
    }
    removed.push(name);
  }
  if (kept.length === tokens.length) return true;
  if (kept.length === 0) headers.remove('connection');
  else headers.set('connection', kept.join(','));
  for (const name of removed) {
    if (name === 'host') {
      headers.authority = '';
      headers.emptyHost = false;
    } else headers.remove(name);
  }
  return true;
}
