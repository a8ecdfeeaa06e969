/** Which EDS clusters take their endpoints from which service: an answer of discovery concerns those alone, however many clusters there are. */
import type { PackedCluster } from '../cluster/catalog.ts';
import { unpackSettings } from '../cluster/catalog.ts';
import type { ClusterSettings } from '../cluster/settings.ts';

/** A quick look at a cluster that is packed as JSON. */
const IS_EDS = /"type":"EDS"/;

const NOBODY: ReadonlySet<string> = new Set();

/** Source: eds_cluster_config.service_name. */
export function serviceOf(settings: ClusterSettings): string {
  return settings.edsServiceName === '' ? settings.name : settings.edsServiceName;
}

export class EndpointUsers {
  readonly #clusters = new Map<string, Set<string>>();
  /** By the cluster's name. */
  readonly #services = new Map<string, string>();

  /** Names of clusters. */
  of(service: string): ReadonlySet<string> {
    return this.#clusters.get(service) ?? NOBODY;
  }

  addPacked(cluster: PackedCluster): void {
    if (IS_EDS.test(cluster.json)) this.set(unpackSettings(cluster.json));
  }

  /** A cluster came, or changed. */
  set(settings: ClusterSettings): void {
    this.remove(settings.name);
    if (settings.type !== 'EDS') return;
    const service = serviceOf(settings);
    this.#services.set(settings.name, service);
    const users = this.#clusters.get(service);
    if (users === undefined) this.#clusters.set(service, new Set([settings.name]));
    else users.add(settings.name);
  }

  remove(cluster: string): void {
    const service = this.#services.get(cluster);
    if (service === undefined) return;
    this.#services.delete(cluster);
    const users = this.#clusters.get(service)!;
    users.delete(cluster);
    if (users.size === 0) this.#clusters.delete(service);
  }
}
