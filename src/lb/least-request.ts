/**
 * LEAST_REQUEST: of `choiceCount` hosts drawn at random (or of all) the one with the fewest requests in flight, over all workers.
 * With unequal weights: earliest deadline first with the weight divided by the load.
 */
import { type EdfScheduler, startedScheduler } from './edf.ts';
import type { Host } from './host.ts';
import { type BalancerDeps, type HostSource, PriorityBalancer } from './load-balancer.ts';

export interface LeastRequestSettings {
  readonly choiceCount: number;
  readonly activeRequestBias: number;
  /** Overrides the bias; ''. */
  readonly activeRequestBiasKey: string;
  readonly fullScan: boolean;
}

export class LeastRequestBalancer extends PriorityBalancer {
  readonly #choiceCount: number;
  readonly #fullScan: boolean;
  readonly #bias: () => number;
  readonly #weightOf: (host: Host) => number;

  constructor(deps: BalancerDeps, settings: LeastRequestSettings) {
    super(deps);
    this.#choiceCount = settings.choiceCount;
    this.#fullScan = settings.fullScan;
    this.#bias = () => {
      const text = settings.activeRequestBiasKey === '' ? undefined : deps.runtime.get(settings.activeRequestBiasKey);
      const bias = text === undefined || text === '' ? settings.activeRequestBias : Number(text);
      return bias >= 0 ? bias : 1;
    };
    let bias = this.#bias();
    this.#weightOf = (host) => {
      const active = host.rqActive;
      return bias === 1 ? host.weight / (active + 1) : bias === 0 ? host.weight : host.weight / (active + 1) ** bias;
    };
    this.#refresh = () => {
      bias = this.#bias();
    };
  }

  /** Reads the bias again: at each change of the host sets, as Envoy does. */
  readonly #refresh: () => void;

  protected override prepare(source: HostSource): void {
    if (source.weightsEqual) return;
    this.#refresh();
    source.scheduler = startedScheduler(source.hosts, this.#weightOf, this.random.below(2 * source.hosts.length));
  }

  protected override pick(source: HostSource): Host {
    if (source.scheduler !== null) return (source.scheduler as EdfScheduler).pick();
    const hosts = source.hosts;
    if (hosts.length === 1) return hosts[0]!;
    return this.#fullScan ? this.#leastOfAll(hosts) : this.#leastOfDrawn(hosts);
  }

  #leastOfDrawn(hosts: readonly Host[]): Host {
    let best = hosts[this.random.below(hosts.length)]!;
    let least = best.rqActive;
    for (let i = 1; i < this.#choiceCount; i++) {
      const host = hosts[this.random.below(hosts.length)]!;
      const active = host.rqActive;
      if (active < least) {
        best = host;
        least = active;
      }
    }
    return best;
  }

  /** Ties are broken at random, in one pass (reservoir of one). */
  #leastOfAll(hosts: readonly Host[]): Host {
    let best = hosts[0]!;
    let least = best.rqActive;
    let ties = 1;
    for (let i = 1; i < hosts.length; i++) {
      const host = hosts[i]!;
      const active = host.rqActive;
      if (active < least) {
        best = host;
        least = active;
        ties = 1;
      } else if (active === least && this.random.below(++ties) === 0) best = host;
    }
    return best;
  }
}
