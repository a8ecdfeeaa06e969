/** LOGICAL_DNS: one host, whose address for new connections is the first of the last answer. Connections are never drained for a new address. */
import { hostRecord } from '../host-update.ts';
import type { ClusterSettings } from '../settings.ts';
import { type DnsDeps, type DnsStats, DnsTarget } from './dns-target.ts';
import type { KeyedHost } from './host-book.ts';

export class LogicalDns {
  readonly #target: DnsTarget;

  constructor(
    settings: ClusterSettings,
    deps: DnsDeps,
    stats: DnsStats,
    onHosts: (priorities: KeyedHost[][]) => void,
    onReady: () => void,
  ) {
    const locality = settings.localities[0]!;
    const endpoint = locality.endpoints[0]!;
    const place = { region: locality.region, zone: locality.zone, subZone: locality.subZone };
    this.#target = new DnsTarget(
      endpoint.host,
      settings.dns,
      deps,
      stats,
      (addresses) => {
        // An empty answer changes nothing: the logical host exists as long as its cluster.
        const first = addresses[0];
        if (first === undefined) return;
        const host = {
          ...hostRecord(endpoint, first.ip, place, locality.weight, -1),
          hostname: endpoint.hostname === '' ? endpoint.host : endpoint.hostname,
        };
        const priorities: KeyedHost[][] = Array.from({ length: locality.priority + 1 }, () => []);
        priorities[locality.priority]!.push({ key: 'logical', host });
        onHosts(priorities);
      },
      onReady,
    );
  }

  start(): void {
    this.#target.start();
  }

  stop(): void {
    this.#target.stop();
  }
}
