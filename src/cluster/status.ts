/** What `/clusters` shows of one cluster. Made when it is asked for; the numbers come from the shared slab. */
import { Host, type HostAddress, type HostCounts, type Locality, NO_LOCALITY, readHostCounts, readHostPending } from '../lb/host.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';
import { parseIpPort, pipeAddress } from '../net/address.ts';
import type { ThresholdSettings } from '../resilience/circuit-breaker.ts';
import { Origin } from '../resilience/outlier/monitor-cells.ts';
import { CLUSTER_CELLS, hostCells } from './block.ts';
import type { OwnHostSnapshot } from './cluster-manager.ts';
import { type HostRecord, type HostUpdate, recordAddress, staticHosts } from './host-update.ts';
import type { OutlierView } from './outlier-control.ts';
import type { ClusterSettings } from './settings.ts';

/** Hosts that one worker made from traffic, by cluster. */
export type OwnHosts = Readonly<Record<string, readonly OwnHostSnapshot[]>>;

export interface HostView {
  readonly address: HostAddress;
  readonly hostname: string;
  readonly counts: HostCounts;
  readonly rqPendingActive: number;
  readonly healthFlags: number;
  readonly weight: number;
  readonly locality: Locality;
  readonly canary: boolean;
  readonly priority: number;
  readonly successRate: number;
  readonly localOriginSuccessRate: number;
}

export interface ClusterView {
  readonly name: string;
  readonly observabilityName: string;
  readonly edsServiceName: string;
  readonly addedViaApi: boolean;
  readonly outlier: Omit<OutlierView, 'hostRate' | 'ejection'> | null;
  readonly defaultPriority: ThresholdSettings;
  readonly highPriority: ThresholdSettings;
  readonly hosts: Iterable<HostView>;
}

/** The endpoints of a cluster, for `/config_dump`. */
export interface Assignment {
  readonly settings: ClusterSettings;
  readonly addedViaApi: boolean;
  readonly update: HostUpdate;
  /** Hosts that only workers know of. */
  readonly own: readonly OwnHostSnapshot[];
  /** Of the shared slab. */
  readonly cells: Int32Array;
}

/** @param update the hosts of a DNS or EDS cluster; null for other types @param own hosts that only workers know of */
export function clusterView(
  settings: ClusterSettings,
  id: number,
  addedViaApi: boolean,
  slab: SharedSlab,
  update: HostUpdate | null,
  own: readonly OwnHostSnapshot[],
  outlier: OutlierView,
): ClusterView {
  return {
    name: settings.name,
    observabilityName: settings.altStatName === '' ? settings.name : settings.altStatName,
    edsServiceName: settings.edsServiceName,
    addedViaApi,
    outlier: settings.outlier === null ? null : outlier,
    defaultPriority: settings.breakers[0],
    highPriority: settings.breakers[1],
    hosts: hostViews(settings.name, update ?? currentHosts(settings, id, slab), slab, own, outlier),
  };
}

/** The hosts of a fixed cluster with their cells, if some worker has used it. */
export function currentHosts(settings: ClusterSettings, id: number, slab: SharedSlab): HostUpdate {
  const block = slab.find(id);
  return staticHosts(settings, id, block < 0 ? -1 : block + CLUSTER_CELLS, hostCells(settings));
}

function* hostViews(
  cluster: string,
  update: HostUpdate,
  slab: SharedSlab,
  own: readonly OwnHostSnapshot[],
  outlier: OutlierView,
): Generator<HostView> {
  for (const [priority, { hosts }] of update.priorities.entries())
    for (const record of hosts) yield hostView(record, priority, slab, outlier);
  for (const host of own) {
    yield {
      address: parseIpPort(host.address) ?? pipeAddress(host.address),
      hostname: host.hostname === '' ? cluster + host.address : host.hostname,
      counts: host.counts,
      rqPendingActive: 0,
      healthFlags: host.counts.healthFlags,
      weight: 1,
      locality: NO_LOCALITY,
      canary: false,
      priority: 0,
      successRate: -1,
      localOriginSuccessRate: -1,
    };
  }
}

/** Hosts of one cluster over all workers: an address is one host (of a forward proxy, a name with an address), and its numbers add up. */
export function mergedHosts(own: readonly OwnHosts[], cluster: string): OwnHostSnapshot[] {
  const merged = new Map<string, OwnHostSnapshot>();
  for (const worker of own) {
    for (const host of worker[cluster] ?? []) {
      const key = `${host.hostname} ${host.address}`;
      const known = merged.get(key);
      merged.set(key, known === undefined ? host : { ...host, counts: addCounts(known.counts, host.counts) });
    }
  }
  return [...merged.values()];
}

function addCounts(a: HostCounts, b: HostCounts): HostCounts {
  return {
    cxActive: a.cxActive + b.cxActive,
    cxConnectFail: a.cxConnectFail + b.cxConnectFail,
    cxTotal: a.cxTotal + b.cxTotal,
    rqActive: a.rqActive + b.rqActive,
    rqError: a.rqError + b.rqError,
    rqSuccess: a.rqSuccess + b.rqSuccess,
    rqTimeout: a.rqTimeout + b.rqTimeout,
    rqTotal: a.rqTotal + b.rqTotal,
    healthFlags: a.healthFlags | b.healthFlags,
  };
}

function hostView(record: HostRecord, priority: number, slab: SharedSlab, outlier: OutlierView): HostView {
  const counts = readHostCounts(slab.cells, record.slot);
  return {
    address: recordAddress(record),
    hostname: record.hostname,
    counts,
    rqPendingActive: readHostPending(slab.cells, record.slot),
    healthFlags: counts.healthFlags | record.health,
    weight: record.weight,
    locality: record.locality,
    canary: Host.isCanary(record.metadata),
    priority,
    successRate: outlier.hostRate(record.slot, Origin.External),
    localOriginSuccessRate: outlier.hostRate(record.slot, Origin.Local),
  };
}
