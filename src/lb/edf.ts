/**
 * Earliest deadline first: weighted round robin in which a host with weight w comes up every 1/w units of virtual time. A binary
 * heap on (deadline, order of insertion), as Envoy's EdfScheduler.
 */
import type { Random } from '../runtime/random.ts';
import type { Host } from './host.ts';

/** Weight of a host now; asked again each time the host goes back into the queue. */
export type WeightOf = (host: Host) => number;

export class EdfScheduler {
  readonly #weightOf: WeightOf;
  readonly #hosts: Host[];
  readonly #deadlines: Float64Array;
  readonly #orders: Float64Array;
  #now = 0;
  #order = 0;

  /** @param startedAt virtual time that has passed already */
  constructor(hosts: readonly Host[], weightOf: WeightOf, startedAt = 0) {
    this.#weightOf = weightOf;
    this.#now = startedAt;
    this.#hosts = hosts.slice();
    const size = hosts.length;
    this.#deadlines = new Float64Array(size);
    this.#orders = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const weight = weightOf(hosts[i]!);
      this.#deadlines[i] = (Math.floor(startedAt * weight) + 1) / weight;
      this.#orders[i] = this.#order++;
    }
    for (let i = (size >> 1) - 1; i >= 0; i--) this.#siftDown(i);
  }

  /** The host that is due; it goes back with its weight of now. */
  pick(): Host {
    const host = this.#hosts[0]!;
    this.#now = this.#deadlines[0]!;
    this.#deadlines[0] = this.#now + 1 / this.#weightOf(host);
    this.#orders[0] = this.#order++;
    this.#siftDown(0);
    return host;
  }

  #siftDown(from: number): void {
    const size = this.#hosts.length;
    let i = from;
    for (;;) {
      const left = 2 * i + 1;
      if (left >= size) return;
      const child = left + 1 < size && this.#before(left + 1, left) ? left + 1 : left;
      if (!this.#before(child, i)) return;
      this.#swap(child, i);
      i = child;
    }
  }

  #before(a: number, b: number): boolean {
    const da = this.#deadlines[a]!;
    const db = this.#deadlines[b]!;
    return da < db || (da === db && this.#orders[a]! < this.#orders[b]!);
  }

  #swap(a: number, b: number): void {
    const host = this.#hosts[a]!;
    this.#hosts[a] = this.#hosts[b]!;
    this.#hosts[b] = host;
    const deadline = this.#deadlines[a]!;
    this.#deadlines[a] = this.#deadlines[b]!;
    this.#deadlines[b] = deadline;
    const order = this.#orders[a]!;
    this.#orders[a] = this.#orders[b]!;
    this.#orders[b] = order;
  }
}

/**
 * A queue as it stands at a random moment, so that many proxies do not all begin with the same host: at time t a host of weight w has
 * come up at 1/w, 2/w, … until t. Nothing is picked for it: with thousands of hosts that would take milliseconds.
 */
export function startedScheduler(hosts: readonly Host[], weightOf: WeightOf, random: Random): EdfScheduler {
  let least = Number.POSITIVE_INFINITY;
  for (const host of hosts) least = Math.min(least, weightOf(host));
  return new EdfScheduler(hosts, weightOf, random.nextU32() / 4294967296 / least);
}
