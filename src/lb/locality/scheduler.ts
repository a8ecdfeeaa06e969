/**
 * Locality-weighted balancing: localities take turns by weight, each weight scaled by how much of the locality can be used (inflated by the
 * overprovisioning factor, at most whole). Earliest deadline first over a list: localities are few.
 */
import type { Random } from '../../runtime/random.ts';
import type { HostSet, LocalityHosts } from '../host-set.ts';
import type { HostSource } from '../host-source.ts';

export class LocalityScheduler {
  readonly #sources: readonly HostSource[];
  readonly #steps: readonly number[];
  readonly #deadlines: number[];

  constructor(sources: readonly HostSource[], weights: readonly number[], random: Random) {
    this.#sources = sources;
    this.#steps = weights.map((weight) => 1 / weight);
    this.#deadlines = this.#steps.slice();
    // Many proxies must not all begin with the same locality.
    for (let skip = random.below(4 * sources.length); skip > 0; skip--) this.next();
  }

  next(): HostSource {
    const deadlines = this.#deadlines;
    let due = 0;
    for (let i = 1; i < deadlines.length; i++) if (deadlines[i]! < deadlines[due]!) due = i;
    const now = deadlines[due]!;
    deadlines[due] = now + this.#steps[due]!;
    // Deadlines stay small, and so exact.
    if (now > 1e6) for (let i = 0; i < deadlines.length; i++) deadlines[i]! -= now;
    return this.#sources[due]!;
  }
}

/** Weight of a locality as its health leaves it. @param usable its hosts that can be picked */
export function effectiveWeight(locality: LocalityHosts, usable: number, overprovisioningFactor: number): number {
  const total = locality.hosts.length - locality.excluded;
  if (total <= 0) return 0;
  return locality.weight * Math.min(1, ((overprovisioningFactor / 100) * usable) / total);
}

/** Null where no locality has any weight: localities are then not looked at. @param sources by locality, of the hosts that can be picked */
export function makeLocalityScheduler(set: HostSet, sources: readonly HostSource[], random: Random): LocalityScheduler | null {
  const weights = set.localities!.map((locality, i) => effectiveWeight(locality, sources[i]!.hosts.length, set.overprovisioningFactor));
  const used = sources.filter((_source, i) => weights[i]! > 0);
  if (used.length === 0) return null;
  return new LocalityScheduler(
    used,
    weights.filter((weight) => weight > 0),
    random,
  );
}
