/** Outlier detection of all clusters on the control thread. A cluster's detector is made when a worker first uses the cluster. */

import { type DetectorDeps, type EjectionView, OutlierDetector } from '../resilience/outlier/detector.ts';
import type { Detection } from '../resilience/outlier/monitor-cells.ts';
import { Origin } from '../resilience/outlier/monitor-cells.ts';
import { OutlierStats } from '../resilience/outlier/outlier-stats.ts';
import type { OutlierSettings } from '../resilience/outlier/settings.ts';
import type { StatsScope } from '../stats/scope.ts';
import { type HostUpdate, recordAddress } from './host-update.ts';

export interface OutlierControlDeps extends Pick<DetectorDeps, 'clock' | 'random' | 'runtime' | 'cells' | 'writeEvent'> {
  publishHealth(cluster: string): void;
}

/** What `/clusters` shows of a cluster's detection; percent, -1 = not computed. */
export interface OutlierView {
  readonly successRateAverage: number;
  readonly successRateEjectionThreshold: number;
  readonly localOriginSuccessRateAverage: number;
  readonly localOriginSuccessRateEjectionThreshold: number;
  hostRate(slot: number, origin: Origin): number;
  /** null = not ejected. */
  ejection(slot: number): EjectionView | null;
}

const NOTHING_YET: OutlierView = {
  successRateAverage: -1,
  successRateEjectionThreshold: -1,
  localOriginSuccessRateAverage: -1,
  localOriginSuccessRateEjectionThreshold: -1,
  hostRate: () => -1,
  ejection: () => null,
};

interface Watched {
  readonly id: number;
  readonly detector: OutlierDetector;
}

export class OutlierControl {
  readonly #deps: OutlierControlDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: OutlierControlDeps) {
    this.#deps = deps;
  }

  /** Begins, if it has not begun. @param id of the cluster's settings @param scope `cluster.<name>.` @param hosts as they are now */
  watch(cluster: string, id: number, settings: OutlierSettings, scope: StatsScope, hosts: HostUpdate): void {
    if (this.#watched.get(cluster)?.id === id) return;
    this.forget(cluster);
    const { publishHealth, ...shared } = this.#deps;
    const stats = new OutlierStats(scope);
    const detector = new OutlierDetector(cluster, settings, { ...shared, stats, onHealthChanged: () => publishHealth(cluster) });
    this.#watched.set(cluster, { id, detector });
    detector.setHosts(slots(hosts));
  }

  setHosts(update: HostUpdate): void {
    const watched = this.#watched.get(update.cluster);
    if (watched?.id === update.id) watched.detector.setHosts(slots(update));
  }

  onDetection(cluster: string, id: number, slot: number, detection: Detection): void {
    const watched = this.#watched.get(cluster);
    if (watched?.id === id) watched.detector.onDetection(slot, detection);
  }

  /** An active health check of the host has succeeded. */
  onHealthCheckPassed(cluster: string, slot: number): void {
    this.#watched.get(cluster)?.detector.onHealthCheckPassed(slot);
  }

  forget(cluster: string): void {
    this.#watched.get(cluster)?.detector.stop();
    this.#watched.delete(cluster);
  }

  stop(): void {
    for (const { detector } of this.#watched.values()) detector.stop();
  }

  view(cluster: string): OutlierView {
    const detector = this.#watched.get(cluster)?.detector;
    if (detector === undefined) return NOTHING_YET;
    const external = detector.rates(Origin.External);
    const local = detector.rates(Origin.Local);
    return {
      successRateAverage: external.average,
      successRateEjectionThreshold: external.threshold,
      localOriginSuccessRateAverage: local.average,
      localOriginSuccessRateEjectionThreshold: local.threshold,
      hostRate: (slot, origin) => detector.successRate(slot, origin),
      ejection: (slot) => detector.ejection(slot),
    };
  }
}

/** Hosts that count in memory of one thread (a full slab) cannot be watched. */
function* slots(update: HostUpdate): Generator<[slot: number, upstream: string]> {
  for (const { hosts } of update.priorities) for (const host of hosts) if (host.slot >= 0) yield [host.slot, recordAddress(host).text];
}
