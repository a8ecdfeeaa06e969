/** The lines of cluster_manager.outlier_detection.event_log_path: envoy.data.cluster.v3.OutlierDetectionEvent as JSON, one a line. */
import type { EjectionType } from './outlier-stats.ts';

/** What belongs to one sort of event; rates in percent. */
export type EventDetail =
  | { readonly kind: 'consecutive' }
  | { readonly kind: 'success-rate'; readonly host: number; readonly average: number; readonly threshold: number }
  | { readonly kind: 'failure-percentage'; readonly host: number };

export interface OutlierEvent {
  readonly type: EjectionType;
  readonly wallMs: number;
  /** Since the host was last ejected (of an unejection) or brought back (of an ejection); -1 = never. */
  readonly msSinceLastAction: number;
  readonly cluster: string;
  /** "ip:port". */
  readonly upstream: string;
  readonly action: 'EJECT' | 'UNEJECT';
  readonly ejections: number;
  readonly enforced: boolean;
  /** null for unejections. */
  readonly detail: EventDetail | null;
}

export function eventLine(event: OutlierEvent): string {
  const { detail } = event;
  return (
    JSON.stringify({
      type: event.type,
      // protobuf's JSON gives milliseconds, or none where there are none.
      timestamp: new Date(event.wallMs).toISOString().replace('.000Z', 'Z'),
      ...(event.msSinceLastAction >= 0 && { secs_since_last_action: String(Math.floor(event.msSinceLastAction / 1000)) }),
      cluster_name: event.cluster,
      upstream_url: event.upstream,
      action: event.action,
      num_ejections: event.ejections,
      enforced: event.enforced,
      ...(detail?.kind === 'success-rate' && {
        eject_success_rate_event: {
          host_success_rate: Math.floor(detail.host),
          cluster_average_success_rate: Math.floor(detail.average),
          cluster_success_rate_ejection_threshold: Math.floor(Math.max(0, detail.threshold)),
        },
      }),
      ...(detail?.kind === 'consecutive' && { eject_consecutive_event: {} }),
      ...(detail?.kind === 'failure-percentage' && { eject_failure_percentage_event: { host_success_rate: Math.floor(detail.host) } }),
    }) + '\n'
  );
}
