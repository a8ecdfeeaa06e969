/**
 * `/stats?format=html` and `active-html`: a form with the query, and what it finds. Plain pages without any script: the active one asks the
 * browser to load it again, and the server remembers what changed since.
 */
import { nodeModule } from '../runtime/node-module.ts';
import type { StatsAggregate } from '../stats/aggregate.ts';
import { integer } from '../stats/integer.ts';
import { type StatsQuery, selects } from '../stats/query.ts';
import type { Series } from '../stats/series.ts';
import { writeText } from '../stats/text-writer.ts';
import { escapeHtml } from './reply.ts';

const STYLE =
  'body{font-family:sans-serif;margin:2em;color-scheme:light dark}form{display:grid;grid-template-columns:max-content max-content;gap:6px 12px}' +
  'table{border-collapse:collapse;font-family:monospace}td,th{padding:2px 12px 2px 0;text-align:left}td.n{text-align:right}';
const MAX_SHOWN = 50;
const INTERVAL_S = 5;
/** A page that is not looked at any more: what changed is counted anew then. */
const FORGET_S = 60;

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  format: ['html', 'active-html', 'text', 'json', 'prometheus'],
  type: ['All', 'Counters', 'Gauges', 'Histograms', 'TextReadouts'],
  histogram_buckets: ['', 'summary', 'cumulative', 'disjoint', 'detailed'],
};

/** Nothing from elsewhere, no script, and no style but the page's own. */
export function pagePolicy(): Readonly<Record<string, string>> {
  const { createHash } = nodeModule<typeof import('node:crypto')>('node:crypto');
  const style = createHash('sha256').update(STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;
  return { 'content-security-policy': policy, 'referrer-policy': 'no-referrer' };
}

export function* statsPage(stats: StatsAggregate, query: StatsQuery, params: URLSearchParams): Generator<string> {
  yield head(params, '') + '<pre>\n';
  for (const piece of writeText(stats, query)) yield piece === '' ? '' : escapeHtml(Buffer.from(piece).toString());
  yield '</pre>\n</body>\n</html>\n';
}

interface Change {
  value: string;
  count: number;
  /** Of the look that saw it last. */
  at: number;
}

/** Which statistics change, and how often, from one look to the next. */
export class ActiveStats {
  readonly #stats: StatsAggregate;
  readonly #changes = new Map<Series, Change>();
  #looks = 0;
  #lastMs = 0;

  constructor(stats: StatsAggregate) {
    this.#stats = stats;
  }

  /** Those that changed, most often first, then the latest. Yields '' so that others may run; the last piece is the answer. */
  *look(query: StatsQuery, nowMs: number): Generator<string, readonly (readonly [Series, Change])[]> {
    if (nowMs - this.#lastMs > FORGET_S * 1000) this.#changes.clear();
    this.#lastMs = nowMs;
    this.#looks++;
    const cursor = this.#stats.cursor();
    let passed = 0;
    for (let series = cursor.next(); series !== null; series = cursor.next()) {
      if (++passed % 64 === 0) yield '';
      // What was never written cannot have changed.
      if (series.kind === 'histogram' || !series.used()) continue;
      const value = series.kind === 'text' ? (series.text ?? '') : integer(series.value());
      const known = this.#changes.get(series);
      if (known === undefined) this.#changes.set(series, { value, count: 0, at: this.#looks });
      else if (known.value !== value) {
        known.value = value;
        known.count++;
        known.at = this.#looks;
      }
    }
    const active: (readonly [Series, Change])[] = [];
    for (const entry of this.#changes) if (entry[1].count > 0 && selects(query, entry[0])) active.push(entry);
    return active.sort((a, b) => b[1].count - a[1].count || b[1].at - a[1].at || (a[0].fullName < b[0].fullName ? -1 : 1));
  }
}

/** @param params of the query, with `max-display-count` and `update-interval` (seconds) as on Envoy's page */
export function* activePage(active: ActiveStats, query: StatsQuery, params: URLSearchParams, nowMs: number): Generator<string> {
  const max = positive(params.get('max-display-count'), MAX_SHOWN);
  const interval = positive(params.get('update-interval'), INTERVAL_S);
  const changed = yield* active.look(query, nowMs);
  yield head(params, `<meta http-equiv="refresh" content="${interval}">`);
  yield `<p>${changed.length} statistics have changed since the page was opened; the ${Math.min(max, changed.length)} that did most often:</p>\n`;
  yield '<table>\n<tr><th>changes</th><th>name</th><th>value</th></tr>\n';
  for (const [series, { value, count }] of changed.slice(0, max))
    yield `<tr><td class="n">${count}</td><td>${escapeHtml(series.fullName)}</td><td class="n">${escapeHtml(value)}</td></tr>\n`;
  yield '</table>\n</body>\n</html>\n';
}

function positive(text: string | null, otherwise: number): number {
  const value = Math.floor(Number(text));
  return value > 0 ? value : otherwise;
}

function head(params: URLSearchParams, more: string): string {
  const value = (name: string, otherwise = '') => escapeHtml(params.get(name) ?? otherwise);
  const row = (name: string, input: string) => `<label for="${name}">${name}</label>${input}\n`;
  const box = (name: string) => row(name, `<input type="checkbox" id="${name}" name="${name}"${params.has(name) ? ' checked' : ''}>`);
  const text = (name: string, otherwise = '') => row(name, `<input id="${name}" name="${name}" value="${value(name, otherwise)}">`);
  const choice = (name: string) => {
    const options = CHOICES[name]!.map((o) => `<option${params.get(name) === o ? ' selected' : ''}>${o}</option>`);
    return row(name, `<select id="${name}" name="${name}">${options.join('')}</select>`);
  };
  const active = text('max-display-count', String(MAX_SHOWN)) + text('update-interval', String(INTERVAL_S));
  return (
    `<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">${more}<title>Outrider: statistics</title><style>${STYLE}</style></head>\n` +
    `<body>\n<h1>Statistics</h1>\n<form action="stats" method="get">\n${choice('format')}${choice('type')}${text('filter')}${box('invert_filter')}` +
    `${box('usedonly')}${choice('histogram_buckets')}${more === '' ? '' : active}<span></span><button>Show</button>\n</form>\n`
  );
}
