/** What a route matches, in a few words. */
import type { RouteMatchSettings } from './settings.ts';

/** "prefix /api, 2 headers". */
export function matchText(match: RouteMatchSettings): string {
  const { kind, value } = match.path;
  const text = [kind === 'connect' ? 'CONNECT' : `${kind} ${value}`];
  const add = (count: number, noun: string) => {
    if (count > 0) text.push(count === 1 ? noun : `${count} ${noun}s`);
  };
  if (match.grpc) text.push('gRPC');
  if (match.headers.length <= 2) for (const { name } of match.headers) text.push(`header ${name}`);
  else add(match.headers.length, 'header');
  add(match.queryParameters.length, 'query parameter');
  add(match.cookies.length, 'cookie');
  add(match.dynamicMetadata.length + match.filterState.length, 'condition');
  if (match.tls !== null) text.push('client certificate');
  if (match.runtimeFraction !== null) text.push('a share of requests');
  return text.join(', ');
}
