/** Shares of hosts in a hash table: weights normalised to a sum of 1. Envoy's normalizeWeights, with its order of operations: the last bit counts. */

/** One host of a priority. */
export interface HashHost {
  /** What is hashed for it: address, hostname, or metadata envoy.lb.hash_key. */
  readonly key: string;
  /** False: it gets no place (unhealthy, and the priority is not in panic). */
  readonly usable: boolean;
  readonly weight: number;
  /** Text that is equal for hosts of one locality; localities are gone through in its order. */
  readonly locality: string;
  /** 0: with locality weights the host gets no place. */
  readonly localityWeight: number;
}

export interface NormalizedHosts {
  /** Positions in the list that was given, in the order in which places are handed out. */
  readonly members: Uint32Array;
  /** Of each of `members`. */
  readonly weights: Float64Array;
  readonly min: number;
  readonly max: number;
}

interface Group {
  readonly share: number;
  readonly members: readonly number[];
}

/** @param byLocality locality_weighted_lb_config: localities share by their weights first */
export function normalizeWeights(hosts: readonly HashHost[], byLocality: boolean): NormalizedHosts {
  const groups = byLocality ? localities(hosts) : [{ share: 1, members: usable(hosts) }];
  const size = groups.reduce((n, group) => n + group.members.length, 0);
  const members = new Uint32Array(size);
  const weights = new Float64Array(size);
  let n = 0;
  let min = 1;
  let max = 0;
  for (const group of groups) {
    let sum = 0;
    for (const i of group.members) sum += hosts[i]!.weight;
    for (const i of group.members) {
      const weight = (hosts[i]!.weight * group.share) / sum;
      members[n] = i;
      weights[n++] = weight;
      if (weight < min) min = weight;
      if (weight > max) max = weight;
    }
  }
  return { members, weights, min, max };
}

function usable(hosts: readonly HashHost[]): number[] {
  const members: number[] = [];
  for (let i = 0; i < hosts.length; i++) if (hosts[i]!.usable) members.push(i);
  return members;
}

/** A locality keeps its share of the sum when none of its hosts is usable, as in Envoy. */
function localities(hosts: readonly HashHost[]): Group[] {
  const groups = new Map<string, { weight: number; members: number[] }>();
  for (let i = 0; i < hosts.length; i++) {
    const host = hosts[i]!;
    let group = groups.get(host.locality);
    if (group === undefined) {
      group = { weight: host.localityWeight, members: [] };
      groups.set(host.locality, group);
    }
    if (host.usable) group.members.push(i);
  }
  const weighted = [...groups].filter(([, { weight }]) => weight > 0).sort(([a], [b]) => (a < b ? -1 : 1));
  const sum = weighted.reduce((n, [, { weight }]) => n + weight, 0);
  return weighted.map(([, { weight, members }]) => ({ share: weight / sum, members }));
}
