/** Open connections against a limit. Listener limits hold over all workers, so their counts lie in shared memory. */
export interface ConnectionCount {
  /** Counts one more, unless `limit` are open. */
  tryAcquire(limit: number): boolean;
  release(): void;
}

export class SharedConnectionCount implements ConnectionCount {
  readonly #cells: Int32Array;
  readonly #index: number;

  /** @param cells over a SharedArrayBuffer that all workers have */
  constructor(cells: Int32Array, index: number) {
    this.#cells = cells;
    this.#index = index;
  }

  tryAcquire(limit: number): boolean {
    if (Atomics.add(this.#cells, this.#index, 1) < limit) return true;
    Atomics.sub(this.#cells, this.#index, 1);
    return false;
  }

  release(): void {
    Atomics.sub(this.#cells, this.#index, 1);
  }
}

/** For one worker alone. */
export function localConnectionCount(): ConnectionCount {
  return new SharedConnectionCount(new Int32Array(1), 0);
}
