/**
 * LEAST_REQUEST: of `choiceCount` hosts drawn at random (or of all) the one with the fewest requests in flight, over all workers.
 * With unequal weights: earliest deadline first with the weight divided by the load.
 */
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
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
  readonly #settings: LeastRequestSettings;
  readonly #runtime: RuntimeSnapshot;
  readonly #weightOf = (host: Host): number => this.#loadedWeight(host);
  #bias = 1;

  constructor(deps: BalancerDeps, settings: LeastRequestSettings) {
    super(deps);
    this.#settings = settings;
    this.#runtime = deps.runtime;
  }

  protected override prepare(source: HostSource): void {
    if (source.weightsEqual) return;
    this.#bias = this.#currentBias();
    source.scheduler = startedScheduler(source.hosts, this.#weightOf, this.random.below(2 * source.hosts.length));
  }

  /** Read at each change of the host sets, as in Envoy. What is no bias counts as 1. */
  #currentBias(): number {
    const { activeRequestBias, activeRequestBiasKey } = this.#settings;
    const text = activeRequestBiasKey === '' ? undefined : this.#runtime.get(activeRequestBiasKey);
    const bias = text === undefined || text === '' ? activeRequestBias : Number(text);
    return bias >= 0 ? bias : 1;
  }

  #loadedWeight(host: Host): number {
    if (this.#bias === 0) return host.weight;
    const load = host.rqActive + 1;
    return host.weight / (this.#bias === 1 ? load : load ** this.#bias);
  }

  protected override pick(source: HostSource): Host {
    if (source.scheduler !== null) return (source.scheduler as EdfScheduler).pick();
    const hosts = source.hosts;
    if (hosts.length === 1) return hosts[0]!;
    return this.#settings.fullScan ? this.#leastOfAll(hosts) : this.#leastOfDrawn(hosts);
  }

  #leastOfDrawn(hosts: readonly Host[]): Host {
    const choices = this.#settings.choiceCount;
    let best = hosts[this.random.below(hosts.length)]!;
    let least = best.rqActive;
    for (let i = 1; i < choices; i++) {
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
