/**
 * The files of the live page: its document at `/`, the rest below `/page/`. A checkout serves its TypeScript with the types taken out, the
 * published build what rolldown made of it (docs/decisions/024-page-in-the-browser.md). Nothing is kept in memory: a page is loaded once by a viewer.
 */
import { fs, nodeModule } from '../runtime/node-module.ts';
import { codeUrl } from '../runtime/package-root.ts';
import type { AdminReply } from './api.ts';
import { HTML, text } from './reply.ts';

const APP = codeUrl('page/browser/app.ts');
const FROM_SOURCES = APP.pathname.endsWith('.ts');
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=UTF-8',
  css: 'text/css; charset=UTF-8',
  svg: 'image/svg+xml',
};

/** uPlot's files; the build has them joined in, or copied. */
const CHARTS: Readonly<Record<string, string>> = { 'uplot.js': 'uplot/dist/uPlot.esm.js', 'uplot.css': 'uplot/dist/uPlot.min.css' };

/** Nothing from elsewhere, nothing inline, nobody may frame it, and no text becomes markup. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; " +
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export function pageDocument(): AdminReply {
  return { status: 200, contentType: HTML, headers: PAGE_HEADERS, body: read('index.html') };
}

/** @param name what follows `/page/` in the path; null = there is no such file */
export function pageFile(name: string): AdminReply | null {
  const match = /^[a-z0-9-]+\.(js|css|svg)$/i.exec(name);
  const type = match === null ? undefined : TYPES[match[1]!];
  if (type === undefined) return null;
  try {
    const body = FROM_SOURCES && !name.endsWith('.svg') ? fromSource(name) : read(name);
    return { status: 200, contentType: type, headers: PAGE_HEADERS, body };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return text(`${(error as Error).message}\n`, 500);
  }
}

function read(name: string): string {
  return fs.readFileSync(new URL(name, APP), 'utf8');
}

function fromSource(name: string): string {
  const { createRequire, stripTypeScriptTypes } = nodeModule<typeof import('node:module')>('node:module');
  const library = CHARTS[name];
  if (library !== undefined) return fs.readFileSync(createRequire(import.meta.url).resolve(library), 'utf8');
  if (!name.endsWith('.js')) return read(name);
  const code = stripTypeScriptTypes(read(name.replace(/js$/, 'ts')));
  return code
    .replace(/((?:from|import)\s*\(?\s*')\.\/([a-z0-9-]+)\.ts'/g, "$1./$2.js'")
    .replace(/import\('uplot'\)/g, "import('./uplot.js')");
}
