/** Hosts that a worker makes by itself, from traffic; the control thread and other workers do not know of them. */
import { HOST_CELLS, type Host, hostCellsIdle, resetHostCells } from '../lb/host.ts';
import type { LoadBalancer } from '../lb/load-balancer.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';

export interface OwnHostsBalancer extends LoadBalancer {
  /** Those of now. */
  hosts(): Host[];
  /** The cluster is gone. */
  stop(): void;
}

/** Where such hosts keep their numbers. */
export class OwnHostCells {
  readonly #slab: SharedSlab;
  /** Cells of dropped hosts, to be used again once nothing is in flight on them. */
  readonly #freed: Host[] = [];

  constructor(slab: SharedSlab) {
    this.#slab = slab;
  }

  newHost(make: (cells: Int32Array, base: number) => Host): Host {
    const old = this.#freed.findIndex((host) => hostCellsIdle(host.cells, host.base));
    if (old >= 0) {
      const { cells, base } = this.#freed.splice(old, 1)[0]!;
      resetHostCells(cells, base);
      return make(cells, base);
    }
    const slot = this.#slab.allocate(HOST_CELLS);
    return slot < 0 ? make(new Int32Array(HOST_CELLS), 0) : make(this.#slab.cells, slot);
  }

  free(host: Host): void {
    this.#freed.push(host);
  }
}
