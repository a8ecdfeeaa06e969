/** ROUND_ROBIN: an index when all weights are equal, earliest deadline first otherwise. */
import { type EdfScheduler, startedScheduler } from './edf.ts';
import type { Host } from './host.ts';
import type { HostSet } from './host-set.ts';
import { type BalancerDeps, type HostSource, PriorityBalancer } from './load-balancer.ts';
import { SlowStart, type SlowStartSettings } from './slow-start.ts';

export class RoundRobinBalancer extends PriorityBalancer {
  readonly #slowStart: SlowStart | null;
  readonly #weightOf: (host: Host) => number;

  /** @param slowStart null = off */
  constructor(deps: BalancerDeps, slowStart: SlowStartSettings | null = null) {
    super(deps);
    const slow = slowStart === null ? null : new SlowStart(slowStart, deps.clock, deps.runtime);
    this.#slowStart = slow;
    this.#weightOf = slow === null ? (host) => host.weight : (host) => host.weight * slow.factor(host);
  }

  override update(sets: readonly HostSet[]): void {
    this.#slowStart?.note(sets);
    super.update(sets);
  }

  protected override prepare(source: HostSource): void {
    source.index = this.random.below(source.hosts.length);
    if (source.weightsEqual && this.#slowStart?.active !== true) return;
    source.scheduler = startedScheduler(source.hosts, this.#weightOf, this.random);
  }

  protected override pick(source: HostSource): Host {
    if (source.scheduler !== null) return (source.scheduler as EdfScheduler).pick();
    const hosts = source.hosts;
    if (source.index >= hosts.length) source.index = 0;
    return hosts[source.index++]!;
  }
}
