/** The dynamic table of one HPACK direction: a ring of entries, newest first. Source: RFC 7541 §2.3.2 and §4. */
import { ENTRY_OVERHEAD } from './static-table.ts';

export class DynamicTable<Name> {
  /** Bytes as RFC 7541 §4.1 counts them. */
  size: number;
  count: number;
  /** Entries ever added; the one added last has this number. */
  added: number;
  #capacity: number;
  #names: Name[];
  #values: string[];
  #sizes: number[];
  /** Slots, a power of two. */
  #slots: number;

  constructor(capacity: number) {
    this.size = 0;
    this.count = 0;
    this.added = 0;
    this.#capacity = capacity;
    this.#names = [];
    this.#values = [];
    this.#sizes = [];
    this.#slots = 0;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Changes the capacity; what no longer fits goes. */
  resize(capacity: number): void {
    this.#capacity = capacity;
    this.#evictTo(capacity);
  }

  /** @param nameLength characters of the name */
  add(name: Name, nameLength: number, value: string): void {
    const size = nameLength + value.length + ENTRY_OVERHEAD;
    this.#evictTo(this.#capacity - size);
    // RFC 7541 §4.4: an entry larger than the table empties it and is no error.
    if (size > this.#capacity) return;
    if (this.count === this.#slots) this.#grow();
    const slot = ++this.added & (this.#slots - 1);
    this.#names[slot] = name;
    this.#values[slot] = value;
    this.#sizes[slot] = size;
    this.size += size;
    this.count++;
  }

  /** @param age 0 = the newest; must be below `count` */
  name(age: number): Name {
    return this.#names[(this.added - age) & (this.#slots - 1)]!;
  }

  value(age: number): string {
    return this.#values[(this.added - age) & (this.#slots - 1)]!;
  }

  #evictTo(size: number): void {
    while (this.size > size && this.count > 0) {
      const slot = (this.added - this.count + 1) & (this.#slots - 1);
      this.size -= this.#sizes[slot]!;
      this.#values[slot] = '';
      this.count--;
    }
  }

  #grow(): void {
    const slots = this.#slots === 0 ? 8 : this.#slots * 2;
    const names: Name[] = new Array(slots);
    const values: string[] = new Array(slots).fill('');
    const sizes: number[] = new Array(slots).fill(0);
    for (let age = 0; age < this.count; age++) {
      const from = (this.added - age) & (this.#slots - 1);
      const to = (this.added - age) & (slots - 1);
      names[to] = this.#names[from]!;
      values[to] = this.#values[from]!;
      sizes[to] = this.#sizes[from]!;
    }
    this.#names = names;
    this.#values = values;
    this.#sizes = sizes;
    this.#slots = slots;
  }
}
