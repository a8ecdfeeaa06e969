/** `/` and `/help`: the live page for browsers, and what the interface can do as a list. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Endpoint } from './api.ts';
import { text } from './reply.ts';

export function helpText(endpoints: readonly Endpoint[]): string {
  let out = 'admin commands are:\n';
  for (const e of endpoints) {
    out += `  ${e.path}${e.mutates ? ' (POST)' : ''}: ${e.help}\n`;
    for (const p of e.parameters) out += `      ${p.name}: ${p.help}${p.values === undefined ? '' : `; One of (${p.values.join(', ')})`}\n`;
  }
  return out;
}

/** @param all asked when a list is made: it contains these two */
export function helpEndpoints(all: () => readonly Endpoint[]): readonly Endpoint[] {
  const list = () => text(helpText(all()));
  return [
    {
      path: '/',
      help: 'Admin home page',
      mutates: false,
      parameters: [],
      // Loaded when a browser comes: most proxies never see one.
      handle: async (request) => (asksForPage(request) ? (await import('./page-files.ts')).pageDocument() : list()),
    },
    { path: '/help', help: 'print out list of admin commands', mutates: false, parameters: [], handle: list },
  ];
}

/** curl and the like take anything and get the list; a browser names HTML. */
export function asksForPage(request: { readonly headers: IncomingHttpHeaders }): boolean {
  return /(?:^|[\s,])text\/html\b/i.test(request.headers.accept ?? '');
}
