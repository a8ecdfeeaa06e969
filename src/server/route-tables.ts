/** Named route tables of a worker: connection managers that use RDS look up the current one for each request. */
import type { RouteTable } from '../route/route.ts';

interface Slot {
  current: RouteTable | null;
}

export class RouteTables {
  readonly #slots = new Map<string, Slot>();

  set(name: string, table: RouteTable): void {
    this.#slot(name).current = table;
  }

  reader(name: string): () => RouteTable | null {
    const slot = this.#slot(name);
    return () => slot.current;
  }

  #slot(name: string): Slot {
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = { current: null };
      this.#slots.set(name, slot);
    }
    return slot;
  }
}
