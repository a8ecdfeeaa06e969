/** One list that a policy picks from: the healthy, the degraded or all hosts of a priority or of one of its localities. The policy keeps its position here. */
import type { Host } from './host.ts';

export class HostSource {
  readonly hosts: readonly Host[];
  readonly weightsEqual: boolean;
  /** The policy has seen the list. */
  prepared: boolean;
  /** The policy's own state for this list. */
  index: number;
  scheduler: unknown;

  constructor(hosts: readonly Host[], weightsEqual: boolean) {
    this.hosts = hosts;
    this.weightsEqual = weightsEqual || hosts.every((host) => host.weight === hosts[0]!.weight);
    this.prepared = false;
    this.index = 0;
    this.scheduler = null;
  }
}
