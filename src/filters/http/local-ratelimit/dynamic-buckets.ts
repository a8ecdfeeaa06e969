/**
 * Buckets of a wildcard descriptor, one for each value that comes along, the least recently used given up for a new one. All workers use the
 * same, so that a value's limit is exact over them.
 */
import { lockCell, type SharedBlock, unlockCell } from '../../../lb/shared-blocks.ts';
import { TokenBucket, type TokenBucketSettings } from '../../../resilience/token-bucket.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { xxHash64 } from '../../../runtime/xxhash64.ts';

/** Cells of the head. */
const LOCK = 0;
const USES = 1;
const TAKEN_SLOTS = 2;
/** Cells of a slot behind its bucket. */
const HASH_LOW = 6;
const HASH_HIGH = 7;
const LAST_USE = 8;
/** Known values are forgotten when they are that many times the slots. */
const REMEMBERED = 4;

interface Slot {
  readonly block: SharedBlock;
  readonly bucket: TokenBucket;
}

interface Known {
  readonly slot: number;
  readonly low: number;
  readonly high: number;
}

export class DynamicBuckets {
  readonly #settings: TokenBucketSettings;
  readonly #max: number;
  readonly #memory: (part: string) => SharedBlock;
  readonly #clock: Clock;
  readonly #head: SharedBlock;
  readonly #slots: Slot[] = [];
  /** Where a value was last found: another worker may have given its slot away. */
  readonly #known = new Map<string, Known>();

  constructor(settings: TokenBucketSettings, max: number, memory: (part: string) => SharedBlock, clock: Clock) {
    this.#settings = settings;
    this.#max = max;
    this.#memory = memory;
    this.#clock = clock;
    this.#head = memory('values');
  }

  of(value: string): TokenBucket {
    const known = this.#known.get(value);
    if (known !== undefined) {
      const slot = this.#slots[known.slot]!;
      if (this.#holds(slot, known.low, known.high)) return this.#use(slot);
    }
    const hash = xxHash64(value);
    const low = Number(BigInt.asIntN(32, hash));
    const high = Number(BigInt.asIntN(32, hash >> 32n));
    const index = this.#locate(low, high);
    if (this.#known.size >= this.#max * REMEMBERED) this.#known.clear();
    this.#known.set(value, { slot: index, low, high });
    return this.#use(this.#slots[index]!);
  }

  /** The value's slot, or the one that it gets. */
  #locate(low: number, high: number): number {
    const { cells, base } = this.#head;
    for (;;) {
      // Slots are reserved outside the lock: nothing may throw under it. Meanwhile others may take some: all of theirs must be known here.
      while (this.#slots.length < Math.min(this.#max, Atomics.load(cells, base + TAKEN_SLOTS) + 1)) this.#slots.push(this.#newSlot());
      lockCell(cells, base + LOCK);
      const enough = this.#slots.length >= Math.min(this.#max, Atomics.load(cells, base + TAKEN_SLOTS) + 1);
      const index = enough ? this.#find(low, high) : -1;
      unlockCell(cells, base + LOCK);
      if (index >= 0) return index;
    }
  }

  #newSlot(): Slot {
    const block = this.#memory(`slot ${this.#slots.length}`);
    return { block, bucket: new TokenBucket(this.#settings, block, this.#clock) };
  }

  #holds({ block }: Slot, low: number, high: number): boolean {
    return Atomics.load(block.cells, block.base + HASH_LOW) === low && Atomics.load(block.cells, block.base + HASH_HIGH) === high;
  }

  #use(slot: Slot): TokenBucket {
    const { cells, base } = slot.block;
    Atomics.store(cells, base + LAST_USE, Atomics.add(this.#head.cells, this.#head.base + USES, 1));
    return slot.bucket;
  }

  #find(low: number, high: number): number {
    const { cells, base } = this.#head;
    const taken = Atomics.load(cells, base + TAKEN_SLOTS);
    const now = Atomics.load(cells, base + USES);
    let oldest = 0;
    let age = -1;
    for (let i = 0; i < taken; i++) {
      const slot = this.#slots[i]!;
      if (this.#holds(slot, low, high)) return i;
      // The count of uses may wrap.
      const since = (now - Atomics.load(slot.block.cells, slot.block.base + LAST_USE)) >>> 0;
      if (since > age) {
        age = since;
        oldest = i;
      }
    }
    const free = taken < this.#slots.length;
    const index = free ? taken : oldest;
    if (free) Atomics.store(cells, base + TAKEN_SLOTS, taken + 1);
    const { block } = this.#slots[index]!;
    block.cells.fill(0, block.base, block.base + HASH_LOW);
    Atomics.store(block.cells, block.base + HASH_LOW, low);
    Atomics.store(block.cells, block.base + HASH_HIGH, high);
    return index;
  }
}
