/**
 * Consistent hashing with bounded loads (arXiv 1608.01350): a host that has more than its share of the requests in flight passes the
 * next one on, along a random order of the hosts that the hash itself seeds. Source: hash_balance_factor.
 */
import { MersenneTwister } from '../../runtime/mersenne-twister.ts';
import type { Host } from '../host.ts';
import type { HashTable } from './table.ts';

/** Shared: used within one call. */
const twister = new MersenneTwister();

export class BoundedLoad {
  readonly #factor: number;
  readonly #activeRequests: () => number;

  /** @param factor percent @param activeRequests in flight to the whole cluster, from all workers */
  constructor(factor: number, activeRequests: () => number) {
    this.#factor = factor;
    this.#activeRequests = activeRequests;
  }

  /** @param owner the place in `hosts` that the table gave @param seed low half of the hash */
  pick(table: HashTable, hosts: readonly Host[], owner: number, seed: number): Host {
    const slots = Math.floor(((this.#activeRequests() + 1) * this.#factor + 99) / 100);
    const { members, weights } = table;
    const first = hosts[owner]!;
    let least = overload(first, slots, weights[members.indexOf(owner)]!);
    if (least <= 1) return first;
    let leastLoaded = first;
    const order = Uint32Array.from(members.keys());
    twister.seed(seed);
    for (let i = 0; i < order.length; i++) {
      const j = i + drawBelow(order.length - i);
      const k = order[j]!;
      order[j] = order[i]!;
      const host = hosts[members[k]!]!;
      if (host === first) continue;
      const factor = overload(host, slots, weights[k]!);
      if (factor <= 1) return host;
      if (factor < least) {
        leastLoaded = host;
        least = factor;
      }
    }
    return leastLoaded;
  }
}

/** Requests in flight for each that the host may have; above 1 it may get no more. */
function overload(host: Host, slots: number, weight: number): number {
  return host.rqActive / Math.max(Math.ceil(slots * weight), 1);
}

/** Uniform in [0, bound), by the same steps as Envoy: the order must be the same on all proxies. */
function drawBelow(bound: number): number {
  const part = Math.floor(4294967296 / bound);
  for (;;) {
    const drawn = Math.floor(twister.nextU32() / part);
    if (drawn < bound) return drawn;
  }
}
