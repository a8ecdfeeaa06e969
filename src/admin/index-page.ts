/** `/` and `/help`: what the interface can do, for people. */
import type { Endpoint, EndpointParameter } from './api.ts';
import { HTML, text } from './reply.ts';

export function helpText(endpoints: readonly Endpoint[]): string {
  let out = 'admin commands are:\n';
  for (const e of endpoints) {
    out += `  ${e.path}${e.mutates ? ' (POST)' : ''}: ${e.help}\n`;
    for (const p of e.parameters) out += `      ${p.name}: ${p.help}${p.values === undefined ? '' : `; One of (${p.values.join(', ')})`}\n`;
  }
  return out;
}

/** @param all asked when a page is made: the list contains these two */
export function helpEndpoints(all: () => readonly Endpoint[]): readonly Endpoint[] {
  return [
    {
      path: '/',
      help: 'Admin home page',
      mutates: false,
      parameters: [],
      handle: () => ({ status: 200, contentType: HTML, body: indexPage(all()) }),
    },
    { path: '/help', help: 'print out list of admin commands', mutates: false, parameters: [], handle: () => text(helpText(all())) },
  ];
}

const STYLE =
  'body{font-family:sans-serif;margin:2em}td{padding:4px 12px 4px 0;vertical-align:top}tr{border-top:1px solid #ddd}' +
  'table{border-collapse:collapse}form{margin:0}label{display:block;color:#555;font-size:90%}';

function indexPage(endpoints: readonly Endpoint[]): string {
  const rows = endpoints.filter((e) => e.path !== '/').map(row);
  return (
    `<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Outrider Admin</title><style>${STYLE}</style></head>\n` +
    `<body>\n<h1>Outrider Admin</h1>\n<table>\n${rows.join('')}</table>\n</body>\n</html>\n`
  );
}

function row(e: Endpoint): string {
  // Relative, so that the page works behind a path prefix.
  const target = escapeHtml(e.path.slice(1));
  const link =
    e.parameters.length === 0 && !e.mutates
      ? `<a href="${target}">${target}</a>`
      : `<form action="${target}" method="${e.mutates ? 'post' : 'get'}"><button>${target}</button>${e.parameters.map(field).join('')}</form>`;
  return `<tr><td>${link}</td><td>${escapeHtml(e.help)}</td></tr>\n`;
}

function field(p: EndpointParameter): string {
  const name = escapeHtml(p.name);
  const input = p.flag
    ? `<input type="checkbox" name="${name}">`
    : p.values === undefined
      ? `<input name="${name}">`
      : `<select name="${name}">${p.values.map((v) => `<option>${escapeHtml(v)}</option>`).join('')}</select>`;
  return `<label title="${escapeHtml(p.help)}">${input} ${name}</label>`;
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
