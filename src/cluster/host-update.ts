/** The hosts of a cluster as the control thread tells them to workers: plain data. */
import { type Locality, NO_LOCALITY } from '../lb/host.ts';
import { type Address, ipAddress, pipeAddress } from '../net/address.ts';
import type { EndpointCheckSettings } from './health-check/settings.ts';
import type { AssignmentPolicy, ClusterSettings, EndpointSettings } from './settings.ts';

export interface HostRecord {
  /** IP in text; '' for a UNIX socket. */
  readonly ip: string;
  readonly port: number;
  readonly path: string;
  readonly hostname: string;
  readonly weight: number;
  /** HealthFlag bits from the endpoint list. */
  readonly health: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly locality: Locality;
  readonly localityWeight: number;
  /** Further "ip:port" of the host. */
  readonly additional: readonly string[];
  readonly check: EndpointCheckSettings | null;
  /** Offset of the host's cells in the shared slab. It is the host's identity: an update that names it again keeps the host. Negative: counted per thread. */
  readonly slot: number;
}

export interface HostUpdate extends AssignmentPolicy {
  readonly cluster: string;
  /** Id of the cluster's settings; an update for settings that are gone is dropped. */
  readonly id: number;
  /** Index = priority. */
  readonly priorities: readonly { readonly hosts: readonly HostRecord[] }[];
  /** Tells one list of the cluster's hosts from another; 0 for fixed ones. */
  readonly version: number;
}

/** These fields alone. */
export function assignmentPolicy({ overprovisioningFactor, weightedPriorityHealth, dropOverload }: AssignmentPolicy): AssignmentPolicy {
  return { overprovisioningFactor, weightedPriorityHealth, dropOverload };
}

export function recordAddress(record: HostRecord): Address {
  return record.path === '' ? ipAddress(record.ip, record.port) : pipeAddress(record.path);
}

/** The fixed endpoints of a cluster; slots follow one another from `firstSlot` with `slotSize` cells each (-1: none). */
export function staticHosts(settings: ClusterSettings, id: number, firstSlot: number, slotSize: number): HostUpdate {
  const priorities: { hosts: HostRecord[] }[] = [{ hosts: [] }];
  let slot = firstSlot;
  for (const locality of settings.localities) {
    while (priorities.length <= locality.priority) priorities.push({ hosts: [] });
    const place = { region: locality.region, zone: locality.zone, subZone: locality.subZone };
    for (const endpoint of locality.endpoints) {
      priorities[locality.priority]!.hosts.push(hostRecord(endpoint, endpoint.host, place, locality.weight, slot));
      if (slot >= 0) slot += slotSize;
    }
  }
  return { cluster: settings.name, id, priorities, ...assignmentPolicy(settings), version: 0 };
}

/** @param ip what `endpoint.host` stands for */
export function hostRecord(
  endpoint: EndpointSettings,
  ip: string,
  locality: Locality | null,
  localityWeight: number,
  slot: number,
): HostRecord {
  return {
    ip: endpoint.path === '' ? ip : '',
    port: endpoint.port,
    path: endpoint.path,
    hostname: endpoint.hostname,
    weight: endpoint.weight,
    health: endpoint.health,
    metadata: endpoint.metadata,
    locality: locality ?? NO_LOCALITY,
    localityWeight,
    additional: endpoint.additional,
    check: endpoint.check,
    slot,
  };
}

export function countEndpoints(settings: ClusterSettings): number {
  return settings.localities.reduce((n, locality) => n + locality.endpoints.length, 0);
}
