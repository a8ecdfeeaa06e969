/** Open connections against a limit. Listener limits hold over all workers, so their counts lie in shared memory. */
export interface ConnectionCount {
  /** Counts one more, unless `limit` are open. */
  tryAcquire(limit: number): boolean;
  release(): void;
}

export class SharedConnectionCount implements ConnectionCount {
  readonly #cells: Int32Array;
  readonly #index: number;
  readonly #ledger: Int32Array;

  /** @param cells over a SharedArrayBuffer that all workers have @param ledger this worker's share, given back should it die */
  constructor(cells: Int32Array, index: number, ledger: Int32Array) {
    this.#cells = cells;
    this.#index = index;
    this.#ledger = ledger;
  }

  /** Takes back what a worker that died had counted. */
  static reclaim(cells: Int32Array, ledger: Int32Array): void {
    for (let i = 0; i < ledger.length; i++) if (ledger[i] !== 0) Atomics.sub(cells, i, ledger[i]!);
  }

  tryAcquire(limit: number): boolean {
    if (Atomics.add(this.#cells, this.#index, 1) < limit) {
      this.#ledger[this.#index]!++;
      return true;
    }
    Atomics.sub(this.#cells, this.#index, 1);
    return false;
  }

  release(): void {
    this.#ledger[this.#index]!--;
    Atomics.sub(this.#cells, this.#index, 1);
  }
}

/** For one worker alone. */
export function localConnectionCount(): ConnectionCount {
  return new SharedConnectionCount(new Int32Array(1), 0, new Int32Array(1));
}
