/** What the live page needs of the process; `server` implements it. Asked on the control thread, once a second while somebody looks. */
import type { ClusterCatalog } from '../cluster/catalog.ts';
import type { OwnHostSnapshot } from '../cluster/cluster-manager.ts';
import type { HostUpdate } from '../cluster/host-update.ts';
import type { OutlierView } from '../cluster/outlier-control.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import type { RouteTableSettings } from '../route/settings.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { StatsAggregate } from '../stats/aggregate.ts';
import type { CertificatePart, ServerPart } from './snapshot.ts';
import type { WorkerSample } from './worker/recorder.ts';

export interface PageSource {
  readonly clock: Clock;
  readonly stats: StatsAggregate;
  readonly slab: SharedSlab;
  readonly runtime: RuntimeSnapshot;
  readonly catalog: ClusterCatalog;
  /** Another one for each process. */
  readonly instance: string;
  server(): Omit<ServerPart, 'viewers' | 'slowMs'>;
  /** Another number when listeners, route tables, clusters or certificates have changed. */
  version(): number;
  listeners(): Iterable<ListenerSettings>;
  /** As bound; empty: the listener is not there any more. */
  addressesOf(listener: string): readonly string[];
  /** null = it has not come yet. */
  routeTable(name: string): RouteTableSettings | null;
  addedViaApi(cluster: string): boolean;
  /** null = the hosts are fixed, or only workers know them. */
  discoveredHosts(cluster: string): HostUpdate | null;
  /** Hosts that workers made from traffic, as last told. */
  ownHosts(cluster: string): readonly OwnHostSnapshot[];
  outlier(cluster: string): OutlierView;
  certificates(): readonly CertificatePart[];
  /** One of each worker that is there and has something to say. */
  sampleWorkers(): Promise<readonly WorkerSample[]>;
  /** Workers count every request from now on, or no more; what is slower than `slowMs` is noted. @param anew by other names than before */
  watch(counting: boolean, anew: boolean, slowMs: number): void;
}
