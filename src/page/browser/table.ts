/** Tables: sortable by their heads, and drawn only as far as they are seen, so that thousands of rows cost no more than thirty. */
import { el, setAttribute, setText } from './dom.ts';

export interface TableColumn<Row> {
  readonly title: string;
  /** Explains the title. */
  readonly hint?: string;
  readonly numeric?: boolean;
  readonly className?: string;
  /** Text of the cell, or draws it. */
  readonly text?: (row: Row) => string;
  readonly draw?: (cell: HTMLElement, row: Row) => void;
  /** Absent = the column cannot be sorted by. */
  readonly sortBy?: (row: Row) => number | string;
}

export interface TableOptions<Row> {
  readonly label: string;
  readonly columns: readonly TableColumn<Row>[];
  readonly key: (row: Row) => string | number;
  readonly empty: string;
  /** Index of the column, and whether the largest come first. */
  readonly sort?: { readonly column: number; readonly descending: boolean };
  /** Tone of the row: "error", "warning" or ''. */
  readonly tone?: (row: Row) => string;
}

const ROW_HEIGHT = 34;
const BEYOND = 6;

export class Table<Row> {
  readonly element: HTMLElement;
  readonly #options: TableOptions<Row>;
  readonly #table: HTMLTableElement;
  readonly #body = el('tbody');
  readonly #padding = el('div');
  readonly #empty: HTMLElement;
  readonly #heads: HTMLElement[] = [];
  #sort: { column: number; descending: boolean } | null;
  #rows: readonly Row[] = [];
  #order: readonly (string | number)[] = [];
  #drawn = new Map<string | number, HTMLTableRowElement>();
  #pointerInside = false;
  #asked = false;

  constructor(options: TableOptions<Row>) {
    this.#options = options;
    this.#sort = options.sort ?? null;
    const head = el('tr', { 'aria-rowindex': 1 });
    options.columns.forEach((column, i) => {
      const label = column.sortBy === undefined ? el('span', {}, column.title) : el('button', { type: 'button' }, column.title);
      if (column.hint !== undefined) label.title = column.hint;
      const cell = el('th', { scope: 'col', class: cellClass(column) }, label);
      if (column.sortBy !== undefined) label.addEventListener('click', () => this.#sortBy(i));
      this.#heads.push(cell);
      head.append(cell);
    });
    this.#table = el('table', { 'aria-label': options.label }, el('thead', {}, head), this.#body);
    this.#padding.append(this.#table);
    this.#empty = el('p', { class: 'empty' }, options.empty);
    this.element = el(
      'div',
      { class: 'table-room', role: 'group', 'aria-label': `${options.label}, can be scrolled`, tabindex: 0 },
      this.#padding,
      this.#empty,
    );
    this.element.addEventListener('scroll', () => this.#drawSoon(), { passive: true });
    this.element.addEventListener('pointerenter', () => {
      this.#pointerInside = true;
    });
    this.element.addEventListener('pointerleave', () => {
      this.#pointerInside = false;
    });
    new ResizeObserver(() => {
      for (const head of this.#heads) head.style.minWidth = '';
      this.#drawSoon();
    }).observe(this.element);
    this.#showSort();
  }

  /** @param empty says why there are none, if not for the usual reason */
  show(rows: readonly Row[], empty = this.#options.empty): void {
    const sorted = this.#sorted(rows);
    this.#rows = sorted;
    this.#order = sorted.map(this.#options.key);
    this.#empty.hidden = rows.length > 0;
    setText(this.#empty, empty);
    this.#padding.hidden = rows.length === 0;
    setAttribute(this.#table, 'aria-rowcount', String(rows.length + 1));
    this.#draw();
    this.#keepWidths();
  }

  /** Columns only grow: rows that come and go while somebody scrolls must not move them. */
  #keepWidths(): void {
    const widths = this.#heads.map((head) => head.offsetWidth);
    widths.forEach((width, i) => {
      const { style } = this.#heads[i]!;
      if (width > 0 && style.minWidth !== `${width}px`) style.minWidth = `${width}px`;
    });
  }

  /** Rows do not move while somebody points at them or is inside with the keyboard. */
  #sorted(rows: readonly Row[]): readonly Row[] {
    const { key } = this.#options;
    const sort = this.#sort;
    const by = sort === null ? undefined : this.#options.columns[sort.column]!.sortBy;
    const held = this.#pointerInside || (this.#body.contains(document.activeElement) && document.activeElement !== null);
    if (held && this.#order.length > 0) {
      const place = new Map(this.#order.map((k, i) => [k, i]));
      const at = (row: Row) => place.get(key(row)) ?? this.#order.length;
      return rows.toSorted((a, b) => at(a) - at(b));
    }
    if (by === undefined || sort === null) return rows;
    const sign = sort.descending ? -1 : 1;
    const values = rows.map((row) => ({ row, value: by(row) }));
    values.sort((a, b) => (a.value < b.value ? -sign : a.value > b.value ? sign : 0));
    return values.map((v) => v.row);
  }

  #sortBy(column: number): void {
    const before = this.#sort;
    const numeric = this.#options.columns[column]!.numeric === true;
    this.#sort = { column, descending: before?.column === column ? !before.descending : numeric };
    this.#order = [];
    this.#showSort();
    this.show(this.#rows);
  }

  #showSort(): void {
    this.#heads.forEach((head, i) => {
      const sort = this.#sort?.column === i ? this.#sort : null;
      setAttribute(head, 'aria-sort', sort === null ? '' : sort.descending ? 'descending' : 'ascending');
    });
  }

  #drawSoon(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  #draw(): void {
    const { key, columns, tone } = this.#options;
    const rows = this.#rows;
    const seen = Math.ceil(this.element.clientHeight / ROW_HEIGHT);
    const first = Math.max(0, Math.min(Math.floor(this.element.scrollTop / ROW_HEIGHT), rows.length - seen) - BEYOND);
    const last = Math.min(rows.length, first + seen + 2 * BEYOND);
    const drawn = new Map<string | number, HTMLTableRowElement>();
    for (let i = first; i < last; i++) {
      const name = key(rows[i]!);
      drawn.set(name, this.#drawn.get(name) ?? el('tr', {}, ...columns.map((c, n) => cell(c, n))));
    }
    for (const [name, element] of this.#drawn) if (!drawn.has(name)) element.remove();
    let next = this.#body.firstElementChild;
    let i = first;
    for (const element of drawn.values()) {
      if (element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(element, next);
      const row = rows[i]!;
      setAttribute(element, 'aria-rowindex', String(++i + 1));
      if (tone !== undefined) setAttribute(element, 'class', tone(row));
      columns.forEach((column, n) => {
        const into = element.children[n] as HTMLElement;
        if (column.draw !== undefined) column.draw(into, row);
        else setText(into, column.text!(row));
      });
    }
    this.#drawn = drawn;
    this.#padding.style.paddingTop = `${first * ROW_HEIGHT}px`;
    this.#padding.style.paddingBottom = `${(rows.length - last) * ROW_HEIGHT}px`;
  }
}

function cell<Row>(column: TableColumn<Row>, index: number): HTMLElement {
  return index === 0 ? el('th', { scope: 'row', class: cellClass(column) }) : el('td', { class: cellClass(column) });
}

function cellClass<Row>(column: TableColumn<Row>): string {
  return [column.numeric === true ? 'number' : '', column.className ?? ''].filter((c) => c !== '').join(' ');
}

/** Of a cell's drawing: one link, made once. */
export function drawLink(cell: HTMLElement, href: string, text: string): void {
  let link = cell.firstElementChild as HTMLAnchorElement | null;
  if (link === null) {
    link = el('a');
    cell.append(link);
  }
  setAttribute(link, 'href', href);
  setAttribute(link, 'title', text);
  setText(link, text);
}

/** A word with its sign: colour alone says nothing. */
export function drawStatus(cell: HTMLElement, tone: 'ok' | 'warning' | 'error' | 'idle', text: string): void {
  let badge = cell.firstElementChild;
  if (badge === null) {
    badge = el('span');
    cell.append(badge);
  }
  setAttribute(badge, 'class', `status ${tone}`);
  setText(badge, text);
}
