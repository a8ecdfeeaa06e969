/** What the views have in common. */
import { el, setAttribute, setText } from './dom.ts';
import type { Store } from './store.ts';

export interface View {
  readonly title: string;
  readonly element: HTMLElement;
  /** Clusters whose hosts' figures it shows. */
  readonly watched?: readonly string[];
  /** Something has come. */
  update(store: Store): void;
  /** The look has changed between light and dark. */
  recolour?(): void;
  leave?(): void;
}

/** A number with its name, as in a row of them. */
export class Tile {
  readonly element: HTMLElement;
  readonly #value = el('dd');

  constructor(name: string, hint: string) {
    this.element = el('div', { class: 'tile', title: hint }, el('dt', {}, name), this.#value);
  }

  show(text: string, tone = ''): void {
    setText(this.#value, text);
    setAttribute(this.element, 'class', `tile ${tone}`.trim());
  }
}

let fields = 0;

export function searchField(label: string, onInput: (text: string) => void): { element: HTMLElement; input: HTMLInputElement } {
  const id = `search-${++fields}`;
  const input = el('input', { type: 'search', id, placeholder: label, autocomplete: 'off', spellcheck: 'false' });
  input.addEventListener('input', () => onInput(input.value.trim().toLowerCase()));
  return { element: el('div', { class: 'search' }, el('label', { for: id, class: 'visually-hidden' }, label), input), input };
}

export function choice<T extends string>(
  label: string,
  options: readonly (readonly [T, string])[],
  onChange: (value: T) => void,
): { element: HTMLElement; select: HTMLSelectElement } {
  const id = `choice-${++fields}`;
  const select = el('select', { id });
  for (const [value, text] of options) select.append(el('option', { value }, text));
  select.addEventListener('change', () => onChange(select.value as T));
  return { element: el('div', { class: 'choice' }, el('label', { for: id }, label), select), select };
}
