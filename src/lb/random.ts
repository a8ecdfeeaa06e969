/** RANDOM: uniform over the list; weights are ignored, as in Envoy. */
import type { Host } from './host.ts';
import { type HostSource, PriorityBalancer } from './load-balancer.ts';

export class RandomBalancer extends PriorityBalancer {
  protected override prepare(_source: HostSource): void {}

  protected override pick(source: HostSource): Host {
    return source.hosts[this.random.below(source.hosts.length)]!;
  }
}
