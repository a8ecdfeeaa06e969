/** STRICT_DNS: every address of every name is a host. A name whose addresses change replaces only its own hosts. */
import { hostRecord } from '../host-update.ts';
import type { ClusterSettings } from '../settings.ts';
import { type DnsDeps, type DnsStats, DnsTarget } from './dns-target.ts';
import type { KeyedHost } from './host-book.ts';

interface Entry {
  readonly priority: number;
  hosts: KeyedHost[];
}

export class StrictDns {
  readonly #entries: Entry[] = [];
  readonly #targets: DnsTarget[] = [];
  readonly #onHosts: (priorities: KeyedHost[][]) => void;
  /** Names without a first answer. */
  #waiting = 0;

  /** @param onHosts all hosts, whenever a name was answered @param onReady when every name has been answered or has failed once */
  constructor(
    settings: ClusterSettings,
    deps: DnsDeps,
    stats: DnsStats,
    onHosts: (priorities: KeyedHost[][]) => void,
    onReady: () => void,
  ) {
    this.#onHosts = onHosts;
    for (const [l, locality] of settings.localities.entries()) {
      const place = { region: locality.region, zone: locality.zone, subZone: locality.subZone };
      for (const [e, endpoint] of locality.endpoints.entries()) {
        const entry: Entry = { priority: locality.priority, hosts: [] };
        this.#entries.push(entry);
        const keyed = (ip: string): KeyedHost => ({
          key: `${l}/${e}/${ip}`,
          host: {
            ...hostRecord(endpoint, ip, place, locality.weight, -1),
            hostname: endpoint.hostname === '' ? endpoint.host : endpoint.hostname,
          },
        });
        if (endpoint.path !== '') {
          entry.hosts = [keyed('')];
          continue;
        }
        this.#waiting++;
        const target = new DnsTarget(
          endpoint.host,
          settings.dns,
          deps,
          stats,
          (addresses) => {
            entry.hosts = addresses.map((address) => keyed(address.ip));
            this.#publish();
          },
          () => {
            if (--this.#waiting === 0) onReady();
          },
        );
        this.#targets.push(target);
      }
    }
    if (this.#entries.some((entry) => entry.hosts.length > 0)) this.#publish();
    if (this.#targets.length === 0) onReady();
  }

  start(): void {
    for (const target of this.#targets) target.start();
  }

  stop(): void {
    for (const target of this.#targets) target.stop();
  }

  #publish(): void {
    const priorities: KeyedHost[][] = [];
    for (const entry of this.#entries) {
      while (priorities.length <= entry.priority) priorities.push([]);
      priorities[entry.priority]!.push(...entry.hosts);
    }
    this.#onHosts(priorities);
  }
}
