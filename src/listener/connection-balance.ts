/**
 * `exact_balance`: a new connection goes to the worker that has the fewest of this listener's, whichever worker the kernel gave it to. Envoy
 * moves the socket between its threads. Node cannot, but a descriptor belongs to the whole process: it is duplicated, and the other worker
 * makes a socket of it.
 */
import { Socket } from 'node:net';
import { Accepted } from '../net/accepted.ts';
import { duplicateDescriptor } from '../net/socket-options.ts';
import type { ConnectionCount } from './connection-count.ts';

/** Workers that can take part; those beyond keep what they accept. */
export const BALANCED_WORKERS = 64;
/** Cells that a listener shares: connections of each worker, and whether it has the listener. */
export const BALANCE_CELLS = 2 * BALANCED_WORKERS;

export interface BalanceMemory {
  readonly cells: Int32Array;
  /** First of BALANCE_CELLS cells. */
  readonly base: number;
  /** This worker's share, given back should it die. */
  readonly ledger: Int32Array | null;
  /** What has to live as long as the cells are used. */
  readonly holder: object;
}

export class ConnectionBalance implements ConnectionCount {
  readonly #memory: BalanceMemory;
  readonly #worker: number;
  readonly #count: ConnectionCount;
  /** The connection that is being accepted was counted when it was given to this worker. */
  #prepaid: boolean;

  /** @param count against the listener's limit */
  constructor(memory: BalanceMemory, worker: number, count: ConnectionCount) {
    this.#memory = memory;
    this.#worker = worker;
    this.#count = count;
    this.#prepaid = false;
    Atomics.store(memory.cells, memory.base + BALANCED_WORKERS + worker, 1);
  }

  /** The worker that is to have the next connection; it is counted for it. Of equal ones this worker, which saves the way. */
  pick(): number {
    const { cells, base } = this.#memory;
    for (;;) {
      let best = this.#worker;
      let least = Atomics.load(cells, base + best);
      for (let i = 0; i < BALANCED_WORKERS; i++) {
        if (Atomics.load(cells, base + BALANCED_WORKERS + i) === 0) continue;
        const open = Atomics.load(cells, base + i);
        if (open < least) {
          best = i;
          least = open;
        }
      }
      if (Atomics.compareExchange(cells, base + best, least, least + 1) === least) return best;
    }
  }

  /** A connection that `pick` gave to this worker comes in: `accept` may refuse it. */
  arrive(accept: () => void): void {
    const { ledger, base } = this.#memory;
    if (ledger !== null) ledger[base + this.#worker]!++;
    this.#prepaid = true;
    accept();
    if (this.#prepaid) this.#subtract();
    this.#prepaid = false;
  }

  /** It cannot be given to `worker` after all. */
  takeBack(worker: number): void {
    Atomics.sub(this.#memory.cells, this.#memory.base + worker, 1);
  }

  tryAcquire(limit: number): boolean {
    if (!this.#count.tryAcquire(limit)) return false;
    if (!this.#prepaid) this.#add();
    this.#prepaid = false;
    return true;
  }

  release(): void {
    this.#count.release();
    this.#subtract();
  }

  /** This worker's connections. */
  get open(): number {
    return Atomics.load(this.#memory.cells, this.#memory.base + this.#worker);
  }

  #add(): void {
    const { cells, base, ledger } = this.#memory;
    Atomics.add(cells, base + this.#worker, 1);
    if (ledger !== null) ledger[base + this.#worker]!++;
  }

  #subtract(): void {
    const { cells, base, ledger } = this.#memory;
    Atomics.sub(cells, base + this.#worker, 1);
    if (ledger !== null) ledger[base + this.#worker]!--;
  }
}

/** Takes the connection off this thread. @returns a descriptor for `receiveSocket` on another one; -1 if that cannot be had, and the socket is as it was */
export function sendSocket(accepted: Accepted): number {
  const fd = duplicateDescriptor(accepted);
  // The connection lives on: it has another descriptor.
  if (fd >= 0) accepted.close();
  return fd;
}

export function receiveSocket(fd: number): Accepted {
  const options = { fd, readable: true, writable: true, allowHalfOpen: true, pauseOnCreate: true };
  return Accepted.socket(new Socket(options));
}
