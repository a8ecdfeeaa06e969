/** The configuration in force, from `/config_dump`, with a search over all of it. */
import { type ConfigItem, configItems, type Json } from './config-items.ts';
import { ConfigTree } from './config-tree.ts';
import { Delay } from './delay.ts';
import { button, el, setAttribute, setHidden, setText } from './dom.ts';
import { plural } from './format.ts';
import { Table } from './table.ts';
import { choice, searchField, type View } from './view.ts';

/** Searched when nobody has typed for so long. */
const TYPING_MS = 120;

export class ConfigView implements View {
  readonly title = 'Configuration';
  readonly element: HTMLElement;
  readonly #note = el('p', { class: 'note', role: 'status' }, 'Loading…');
  readonly #table: Table<ConfigItem>;
  readonly #tree = new ConfigTree();
  readonly #treeTitle = el('h2', {}, '');
  readonly #treeRoom: HTMLElement;
  readonly #kinds: HTMLSelectElement;
  #items: readonly ConfigItem[] = [];
  #chosen: ConfigItem | null = null;
  #filter = '';
  #kind = '';
  readonly #wait = new Delay();

  constructor() {
    this.#table = new Table<ConfigItem>({
      label: 'Parts of the configuration',
      key: (item) => item.id,
      empty: 'Nothing here.',
      tone: (item) => (item === this.#chosen ? 'selected' : ''),
      columns: [
        { title: 'Name', className: 'name', draw: (cell, item) => this.#drawName(cell, item), sortBy: (item) => item.name },
        { title: 'Kind', text: (item) => item.kind, sortBy: (item) => item.kind },
      ],
    });
    const search = searchField('Find in the configuration', (text) => {
      this.#filter = text;
      this.#wait.start(TYPING_MS, () => this.#draw());
    });
    const kinds = choice('Kind', [['', 'all']], (value) => {
      this.#kind = value;
      this.#draw();
    });
    this.#kinds = kinds.select;
    this.#treeRoom = el(
      'section',
      { class: 'tree-room', 'aria-label': 'The chosen part', tabindex: 0 },
      this.#treeTitle,
      this.#tree.element,
    );
    this.element = el(
      'div',
      { class: 'view fill' },
      el(
        'div',
        { class: 'bar' },
        search.element,
        kinds.element,
        button('Load again', () => void this.#load()),
        this.#note,
      ),
      el('div', { class: 'panes' }, this.#table.element, this.#treeRoom),
    );
    void this.#load();
  }

  /** It is asked for when somebody wants it: it is large, and changes seldom. */
  update(): void {}

  leave(): void {
    this.#wait.stop();
  }

  #drawName(cell: HTMLElement, item: ConfigItem): void {
    let choose = cell.firstElementChild as (HTMLButtonElement & { item?: ConfigItem }) | null;
    if (choose === null) {
      const made: HTMLButtonElement & { item?: ConfigItem } = button('', () => this.#choose(made.item!), { class: 'link' });
      choose = made;
      cell.append(made);
    }
    choose.item = item;
    setText(choose, item.name);
    setAttribute(choose, 'title', item.name);
    setAttribute(choose, 'aria-pressed', String(item === this.#chosen));
  }

  async #load(): Promise<void> {
    setText(this.#note, 'Loading…');
    try {
      const response = await fetch('config_dump?include_eds');
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      const { configs } = (await response.json()) as { readonly configs: readonly Json[] };
      this.#items = configItems(configs);
      const kinds = [...new Set(this.#items.map((item) => item.kind))];
      this.#kinds.replaceChildren(el('option', { value: '' }, 'all'), ...kinds.map((kind) => el('option', { value: kind }, kind)));
      this.#kinds.value = kinds.includes(this.#kind) ? this.#kind : '';
      this.#kind = this.#kinds.value;
      this.#chosen = this.#items.find((item) => item.name === this.#chosen?.name && item.kind === this.#chosen.kind) ?? null;
      this.#draw();
    } catch (error) {
      setText(this.#note, `The configuration could not be loaded: ${(error as Error).message}`);
    }
  }

  #choose(item: ConfigItem): void {
    this.#chosen = item;
    this.#draw();
  }

  #draw(): void {
    const found = this.#items.filter((item) => (this.#kind === '' || item.kind === this.#kind) && item.text.includes(this.#filter));
    const all = plural(this.#items.length, 'part');
    setText(this.#note, found.length === this.#items.length ? all : `${found.length} of ${all}`);
    if (this.#chosen === null || !found.includes(this.#chosen)) this.#chosen = found[0] ?? null;
    this.#table.show(found, 'Nothing in the configuration contains that.');
    setHidden(this.#treeRoom, this.#chosen === null);
    if (this.#chosen === null) return;
    setText(this.#treeTitle, this.#chosen.name);
    this.#tree.show(this.#chosen.value, this.#filter);
  }
}
