/**
 * Integers that all threads see: what is in flight per cluster and host, and host health. Reserving is an atomic bump, finding an
 * atomic directory look-up, so that two workers that use a cluster for the first time at once still share its numbers.
 */
const NEXT = 0;
const DIRECTORY = 16;
/** Cells of a reservation are rounded up to a cache line, so that hosts do not slow each other down. */
const LINE = 16;
/** Directory entries for SharedBlocks, behind those for ids. */
export const NAMED_BLOCKS = 8192;
const DEFAULT_CELLS = 1 << 24;
const DEFAULT_DIRECTORY = 1 << 17;

export class SharedSlab {
  readonly buffer: SharedArrayBuffer;
  readonly cells: Int32Array;
  /** What of the cells this worker has in flight: written by it alone, so that the control thread can take it back should the worker die. */
  readonly ledger: Int32Array | null;
  readonly #directorySize: number;

  /** @param buffer made by `create` on the control thread and handed to every worker @param ledger made by `newLedger` for this worker */
  constructor(buffer: SharedArrayBuffer, ledger: SharedArrayBuffer | null = null) {
    this.buffer = buffer;
    this.cells = new Int32Array(buffer);
    this.ledger = ledger === null ? null : new Int32Array(ledger);
    this.#directorySize = this.cells[1]!;
  }

  /** Memory is taken from the system only as cells are written, so the bound may be generous: 64 MiB of addresses hold a million hosts. */
  static create(cells: number = DEFAULT_CELLS, directorySize: number = DEFAULT_DIRECTORY): SharedSlab {
    const buffer = new SharedArrayBuffer((cells + NAMED_BLOCKS) * 4);
    const view = new Int32Array(buffer);
    view[1] = directorySize;
    view[NEXT] = Math.ceil((DIRECTORY + directorySize + NAMED_BLOCKS) / LINE) * LINE;
    return new SharedSlab(buffer);
  }

  /** Offset of `cells` zeroed cells, or -1 when the slab is full (the caller then counts in memory of its own thread). */
  allocate(cells: number): number {
    const size = Math.ceil(cells / LINE) * LINE;
    for (;;) {
      const next = Atomics.load(this.cells, NEXT);
      if (next + size > this.cells.length) return -1;
      if (Atomics.compareExchange(this.cells, NEXT, next, next + size) === next) return next;
    }
  }

  /** The block of directory entry `id`, reserved by whoever asks first; every thread gets the same one. */
  block(id: number, cells: number): number {
    return id < 0 || id >= this.#directorySize ? -1 : this.#reserve(DIRECTORY + id, cells);
  }

  /** As `block`, for entry `index` of those that SharedBlocks gives out by name. */
  namedBlock(index: number, cells: number): number {
    return this.#reserve(DIRECTORY + this.#directorySize + index, cells);
  }

  #reserve(entry: number, cells: number): number {
    const found = Atomics.load(this.cells, entry);
    if (found !== 0) return found;
    const made = this.allocate(cells);
    if (made < 0) return -1;
    const before = Atomics.compareExchange(this.cells, entry, 0, made);
    return before === 0 ? made : before;
  }

  /** The block of `id` if some thread has reserved it, else -1. */
  find(id: number): number {
    if (id < 0 || id >= this.#directorySize) return -1;
    const found = Atomics.load(this.cells, DIRECTORY + id);
    return found === 0 ? -1 : found;
  }

  /** One a worker. Like the slab itself it takes memory only where it is written. */
  newLedger(): SharedArrayBuffer {
    return new SharedArrayBuffer(this.buffer.byteLength);
  }

  /** A worker is gone: what it had in flight is in flight no more. Limits would stay partly used for ever otherwise. */
  reclaim(ledger: SharedArrayBuffer): void {
    const held = new Int32Array(ledger);
    const end = Atomics.load(this.cells, NEXT);
    for (let i = DIRECTORY + this.#directorySize + NAMED_BLOCKS; i < end; i++) {
      const count = held[i]!;
      if (count === 0) continue;
      held[i] = 0;
      Atomics.sub(this.cells, i, count);
    }
  }
}
