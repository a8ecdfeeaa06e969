/** The last failed and slow requests of all workers, explained. */
import type { OutlierView } from '../../cluster/outlier-control.ts';
import { explain } from '../explain/explain.ts';
import type { LoggedRequest } from '../snapshot.ts';
import type { NotedRequest } from '../worker/facts.ts';
import type { ClusterNode } from './clusters.ts';
import { ejectionReason } from './hosts.ts';

export const REQUEST_LOG_SIZE = 500;

export class RequestLog {
  /** Oldest first. */
  readonly entries: LoggedRequest[] = [];
  #nextId = 1;

  /** @returns the new entries, oldest first @param cluster null = it is gone */
  add(
    noted: readonly NotedRequest[],
    cluster: (name: string) => ClusterNode | null,
    outlier: (name: string) => OutlierView,
  ): LoggedRequest[] {
    const sorted = [...noted].sort((a, b) => a.wallMs + a.durationMs - (b.wallMs + b.durationMs)).slice(-REQUEST_LOG_SIZE);
    const added = sorted.map((note) => {
      const { facts, ...rest } = note;
      const reasons = facts.cluster?.hosts == null ? [] : ejectionReasons(cluster(note.cluster), outlier(note.cluster));
      return { id: this.#nextId++, ...rest, explanation: explain(note, reasons) };
    });
    this.entries.push(...added);
    if (this.entries.length > REQUEST_LOG_SIZE) this.entries.splice(0, this.entries.length - REQUEST_LOG_SIZE);
    return added;
  }
}

/** Why hosts are ejected now: "consecutive 5xx". */
function ejectionReasons(cluster: ClusterNode | null, outlier: OutlierView): string[] {
  const reasons = new Set<string>();
  for (const { record } of cluster?.hosts ?? []) {
    const ejection = outlier.ejection(record.slot);
    if (ejection !== null) reasons.add(ejectionReason(ejection.type));
  }
  return [...reasons];
}
