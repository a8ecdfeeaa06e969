/**
 * LEAST_REQUEST: of `choiceCount` hosts drawn at random (or of all) the one with the fewest requests in flight, over all workers.
 * With unequal weights: earliest deadline first with the weight divided by the load.
 */
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import { type EdfScheduler, startedScheduler } from './edf.ts';
import type { Host } from './host.ts';
import type { HostSet } from './host-set.ts';
import { type BalancerDeps, type HostSource, PriorityBalancer } from './load-balancer.ts';
import { SlowStart, type SlowStartSettings } from './slow-start.ts';

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
  readonly #slowStart: SlowStart | null;
  #bias = 1;
  /** Another worker may put load on a host meanwhile. */
  protected override readonly foreseeable: boolean = false;

  /** @param slowStart null = off */
  constructor(deps: BalancerDeps, settings: LeastRequestSettings, slowStart: SlowStartSettings | null = null) {
    super(deps);
    this.#settings = settings;
    this.#runtime = deps.runtime;
    this.#slowStart = slowStart === null ? null : new SlowStart(slowStart, deps.clock, deps.runtime);
  }

  override update(sets: readonly HostSet[]): void {
    this.#slowStart?.note(sets);
    super.update(sets);
  }

  protected override prepare(source: HostSource): void {
    if (source.weightsEqual && this.#slowStart?.active !== true) return;
    this.#bias = this.#currentBias();
    source.scheduler = startedScheduler(source.hosts, this.#weightOf, this.random);
  }

  /** Read at each change of the host sets, as in Envoy. What is no bias counts as 1. */
  #currentBias(): number {
    const { activeRequestBias, activeRequestBiasKey } = this.#settings;
    const text = activeRequestBiasKey === '' ? undefined : this.#runtime.get(activeRequestBiasKey);
    const bias = text === undefined || text === '' ? activeRequestBias : Number(text);
    return bias >= 0 ? bias : 1;
  }

  #loadedWeight(host: Host): number {
    const weight = this.#slowStart === null ? host.weight : host.weight * this.#slowStart.factor(host);
    if (this.#bias === 0) return weight;
    const load = host.rqActive + 1;
    return weight / (this.#bias === 1 ? load : load ** this.#bias);
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
