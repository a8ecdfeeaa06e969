/** A JSON value as a tree that can be folded. What is folded is not made, so that megabytes cost nothing until somebody looks. */
import type { Json } from './config-items.ts';
import { button, el } from './dom.ts';

const AT_ONCE = 100;
const OPEN_DEPTH = 3;
/** Branches that a search opens at most. */
const OPENED_BY_SEARCH = 200;

export class ConfigTree {
  readonly element = el('div', { class: 'tree' });
  #search = '';
  #opened = 0;

  /** @param search lower case; what contains it is open, and it is marked */
  show(value: Json, search: string): void {
    this.#search = search;
    this.#opened = 0;
    const list = el('ul');
    this.#fill(list, value, 0);
    this.element.replaceChildren(list);
  }

  #fill(list: HTMLElement, value: Json, depth: number, from = 0): void {
    const entries = Array.isArray(value)
      ? value.map((v, i) => [`${i}`, v as Json] as const)
      : typeof value === 'object' && value !== null
        ? Object.entries(value as { readonly [key: string]: Json })
        : [['', value] as const];
    for (const [key, child] of entries.slice(from, from + AT_ONCE)) list.append(this.#entry(key, child, depth, Array.isArray(value)));
    const rest = entries.length - from - AT_ONCE;
    if (rest <= 0) return;
    const more = el('li');
    more.append(
      button(`${Math.min(rest, AT_ONCE)} more of ${rest}`, () => {
        more.remove();
        this.#fill(list, value, depth, from + AT_ONCE);
      }),
    );
    list.append(more);
  }

  #entry(key: string, value: Json, depth: number, inList: boolean): HTMLElement {
    const label = el('span', { class: inList ? 'tree-index' : 'tree-key' }, ...this.#marked(key));
    if (typeof value !== 'object' || value === null) {
      const kind = value === null ? 'null' : typeof value;
      return el('li', {}, label, ' ', el('span', { class: `tree-${kind}` }, ...this.#marked(String(value))));
    }
    const size = Array.isArray(value) ? value.length : Object.keys(value).length;
    if (size === 0) return el('li', {}, label, ' ', el('span', { class: 'tree-null' }, Array.isArray(value) ? '[]' : '{}'));
    const hint = Array.isArray(value) ? `${size}` : hintOf(value as { readonly [key: string]: Json });
    const summary = el('summary', {}, label, ' ', el('span', { class: 'tree-hint' }, hint));
    const details = el('details', {}, summary);
    let made = false;
    const make = () => {
      if (made) return;
      made = true;
      const list = el('ul');
      this.#fill(list, value, depth + 1);
      details.append(list);
    };
    details.addEventListener('toggle', () => {
      if (details.open) make();
    });
    if (this.#opens(value, depth, size)) {
      details.open = true;
      make();
    }
    return el('li', {}, details);
  }

  #opens(value: Json, depth: number, size: number): boolean {
    if (this.#search === '') return depth < OPEN_DEPTH && size <= 30;
    if (this.#opened >= OPENED_BY_SEARCH || !JSON.stringify(value).toLowerCase().includes(this.#search)) return depth === 0;
    this.#opened++;
    return true;
  }

  #marked(text: string): (Node | string)[] {
    if (this.#search === '') return [text];
    const parts: (Node | string)[] = [];
    const lower = text.toLowerCase();
    let at = 0;
    for (let found = lower.indexOf(this.#search); found >= 0; found = lower.indexOf(this.#search, at)) {
      parts.push(text.slice(at, found), el('mark', {}, text.slice(found, found + this.#search.length)));
      at = found + this.#search.length;
    }
    parts.push(text.slice(at));
    return parts;
  }
}

/** What tells one object from another while it is folded. */
function hintOf(value: { readonly [key: string]: Json }): string {
  for (const key of ['name', 'cluster_name', '@type', 'prefix', 'path']) {
    const found = value[key];
    if (typeof found === 'string') return key === '@type' ? found.slice(found.lastIndexOf('.') + 1) : found;
  }
  return '';
}
