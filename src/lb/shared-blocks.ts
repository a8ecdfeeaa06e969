/**
 * Small blocks of memory that all workers share, found by name: a token bucket, a count of what is active. Whoever asks for a name first
 * gets a zeroed block, everyone after that the same one; when nobody uses it any more the next name may have it.
 */
import { xxHash64 } from '../runtime/xxhash64.ts';
import { NAMED_BLOCKS, type SharedSlab } from './shared-slab.ts';

/** Cells of a block: a cache line. */
const BLOCK_CELLS = 16;
const HASH_LOW = 0;
const HASH_HIGH = 1;
/** Users, over all threads; given back by SharedSlab.reclaim when one of them dies. */
const USERS = 2;
/** First cell that is the user's: 12 of them, aligned to 8 bytes. */
const PAYLOAD = 4;
/** Cell of the slab that is 1 while some thread looks a name up. */
const LOOKUP_LOCK = 2;
/** Tries that a holder who is running needs at most; one that is not gets the core. */
const SPINS = 1000;
/** In that many milliseconds a holder that is alive has had its turn, on whatever machine: it is gone. */
const MAX_WAITS = 1000;

export class SharedBlock {
  readonly cells: Int32Array;
  readonly floats: Float64Array;
  /** Index of the first cell that is the user's; `base / 2` is its index in `floats`. */
  readonly base: number;
  /** SharedSlab.ledger: what is counted there is given back when this thread dies. */
  readonly ledger: Int32Array | null;

  constructor(cells: Int32Array, floats: Float64Array, base: number, ledger: Int32Array | null) {
    this.cells = cells;
    this.floats = floats;
    this.base = base;
    this.ledger = ledger;
  }
}

/** A block of this thread alone. */
export function localBlock(): SharedBlock {
  const cells = new Int32Array(BLOCK_CELLS - PAYLOAD);
  return new SharedBlock(cells, new Float64Array(cells.buffer), 0, null);
}

/** Waits until cell `index` is this thread's; `unlockCell` gives it back. For a few instructions that cannot throw. */
export function lockCell(cells: Int32Array, index: number): void {
  if (Atomics.compareExchange(cells, index, 0, 1) !== 0) awaitCell(cells, index);
}

function awaitCell(cells: Int32Array, index: number): void {
  for (let i = 0; i < SPINS; i++) if (Atomics.compareExchange(cells, index, 0, 1) === 0) return;
  for (let i = 0; i < MAX_WAITS; i++) {
    // Nobody wakes us: the holder would have to ask the system at every unlock.
    Atomics.wait(cells, index, 1, 1);
    if (Atomics.compareExchange(cells, index, 0, 1) === 0) return;
  }
}

export function unlockCell(cells: Int32Array, index: number): void {
  Atomics.store(cells, index, 0);
}

export class SharedBlocks {
  readonly #slab: SharedSlab;
  readonly #floats: Float64Array;
  readonly #unused: FinalizationRegistry<number>;

  constructor(slab: SharedSlab) {
    this.#slab = slab;
    this.#floats = new Float64Array(slab.buffer);
    this.#unused = new FinalizationRegistry((block: number) => this.#use(block, -1));
  }

  /** The block of that name, as long as the result is reachable. A block of this thread alone when there is no room. */
  acquire(name: string): SharedBlock {
    const hash = xxHash64(Buffer.from(name, 'utf8').toString('latin1'));
    const low = Number(BigInt.asIntN(32, hash));
    // Never 0: that is a block that nobody has had.
    const high = Number(BigInt.asIntN(32, hash >> 32n)) | 1;
    lockCell(this.#slab.cells, LOOKUP_LOCK);
    const block = this.#find(low, high);
    if (block >= 0) this.#use(block, 1);
    unlockCell(this.#slab.cells, LOOKUP_LOCK);
    if (block < 0) return localBlock();
    const shared = new SharedBlock(this.#slab.cells, this.#floats, block + PAYLOAD, this.#slab.ledger);
    this.#unused.register(shared, block);
    return shared;
  }

  /**
   * `count` further cells for `block`, zeroed, the same for every thread; their offset is kept in the block's cell `at`. Whoever calls holds a
   * lock of the block. They stay taken when the block goes to another name: for configuration, not for requests. -1 = there is no room.
   */
  extend(block: SharedBlock, at: number, count: number): number {
    if (block.cells !== this.#slab.cells) return -1;
    const found = block.cells[block.base + at]!;
    if (found !== 0) return found;
    const made = this.#slab.allocate(count);
    if (made > 0) block.cells[block.base + at] = made;
    return made;
  }

  /** Probes from the place that the hash names, to the end of the names in use. */
  #find(low: number, high: number): number {
    const { cells } = this.#slab;
    let free = -1;
    for (let i = 0; i < NAMED_BLOCKS; i++) {
      const block = this.#slab.namedBlock(((low >>> 0) + i) % NAMED_BLOCKS, BLOCK_CELLS);
      if (block < 0) break;
      const used = Atomics.load(cells, block + USERS) > 0;
      if (used && cells[block + HASH_LOW] === low && cells[block + HASH_HIGH] === high) return block;
      if (!used && free < 0) free = block;
      if (cells[block + HASH_HIGH] === 0) break;
    }
    if (free < 0) return -1;
    cells.fill(0, free, free + BLOCK_CELLS);
    cells[free + HASH_LOW] = low;
    cells[free + HASH_HIGH] = high;
    return free;
  }

  #use(block: number, change: number): void {
    const { cells, ledger } = this.#slab;
    Atomics.add(cells, block + USERS, change);
    if (ledger !== null) ledger[block + USERS]! += change;
  }
}
