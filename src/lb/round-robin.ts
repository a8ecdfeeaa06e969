/** ROUND_ROBIN: an index when all weights are equal, earliest deadline first otherwise. */
import { type EdfScheduler, startedScheduler } from './edf.ts';
import type { Host } from './host.ts';
import { type HostSource, PriorityBalancer } from './load-balancer.ts';

const weightOf = (host: Host) => host.weight;

export class RoundRobinBalancer extends PriorityBalancer {
  protected override prepare(source: HostSource): void {
    source.index = this.random.below(source.hosts.length);
    if (!source.weightsEqual) source.scheduler = startedScheduler(source.hosts, weightOf, this.random.below(2 * source.hosts.length));
  }

  protected override pick(source: HostSource): Host {
    if (source.scheduler !== null) return (source.scheduler as EdfScheduler).pick();
    const hosts = source.hosts;
    if (source.index >= hosts.length) source.index = 0;
    return hosts[source.index++]!;
  }
}
