/** Elements, made once and changed in place. Text is only ever set as text, so nothing that the proxy says can become markup. */

export type Child = Node | string | null;

export interface Attributes {
  readonly class?: string;
  readonly [name: string]: string | number | boolean | undefined;
}

/** `true` sets an attribute without a value; `false` and undefined set none. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  setAttributes(element, attributes);
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Touches the document only if it changes something. */
export function setText(element: Element, text: string): void {
  const first = element.firstChild;
  if (first === null) {
    if (text !== '') element.append(text);
  } else if (first.nodeType !== Node.TEXT_NODE || first.nextSibling !== null) element.textContent = text;
  else if (first.nodeValue !== text) first.nodeValue = text;
}

/** '' removes it. */
export function setAttribute(element: Element, name: string, value: string): void {
  if (value === '') {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function setHidden(element: HTMLElement, hidden: boolean): void {
  if (element.hidden !== hidden) element.hidden = hidden;
}

export function button(label: string, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = el('button', { type: 'button', ...attributes }, label);
  element.addEventListener('click', act);
  return element;
}

/** Children of one parent, an element for each key: kept while their key stays, so that focus and scroll positions stay too. */
export class KeyedChildren<Item, E extends Element> {
  readonly #parent: Element;
  readonly #make: (item: Item) => E;
  readonly #draw: (element: E, item: Item) => void;
  #elements = new Map<string | number, E>();

  constructor(parent: Element, make: (item: Item) => E, draw: (element: E, item: Item) => void) {
    this.#parent = parent;
    this.#make = make;
    this.#draw = draw;
  }

  show(items: readonly Item[], key: (item: Item) => string | number): void {
    const kept = new Map<string | number, E>();
    for (const item of items) {
      const name = key(item);
      kept.set(name, this.#elements.get(name) ?? this.#make(item));
    }
    for (const [name, element] of this.#elements) if (!kept.has(name)) element.remove();
    let next = this.#parent.firstElementChild;
    for (const item of items) {
      const element = kept.get(key(item))!;
      if (element === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(element, next);
      this.#draw(element, item);
    }
    this.#elements = kept;
  }

  get(key: string | number): E | undefined {
    return this.#elements.get(key);
  }
}
