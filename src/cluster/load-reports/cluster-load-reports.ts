/**
 * Out-of-band load reports of one cluster's hosts (ORCA): the control thread asks each host once, and tells all workers what weight it makes. Loaded only
 * where a cluster wants them. Source: enable_oob_load_report of client_side_weighted_round_robin, Envoy's OrcaOobManager.
 */
import { grpcFrame } from '../../http/grpc-frames.ts';
import { DEFAULT_HTTP2_SETTINGS } from '../../http/h2/settings.ts';
import { Http2Stats } from '../../http/h2/stats.ts';
import { type ClientSideWeightSettings, type OutOfBandSettings, type ToldLoad, weightOf } from '../../lb/client-side-weights.ts';
import type { OrcaReport } from '../../lb/orca-report.ts';
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { StatsScope } from '../../stats/scope.ts';
import type { SecretSource } from '../../tls/secrets.ts';
import { CheckConnector } from '../health-check/check-connector.ts';
import { CheckedHost } from '../health-check/checked-host.ts';
import type { HostUpdate } from '../host-update.ts';
import type { ClusterSettings } from '../settings.ts';
import { ReportStream, type ReportStreamParts } from './report-stream.ts';

export interface ClusterLoadReportsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly cells: Int32Array;
  /** `cluster.<name>.` of the control thread. */
  readonly scope: StatsScope;
  readonly secrets: SecretSource;
  /** Tells every worker. */
  tell(loads: readonly ToldLoad[]): void;
}

/** Weights are made anew at most so often: what comes meanwhile is told together. */
const TELL_AFTER_MS = 50;

export class ClusterLoadReports implements TimerTarget {
  readonly #deps: ClusterLoadReportsDeps;
  readonly #weights: ClientSideWeightSettings;
  readonly #parts: ReportStreamParts;
  readonly #streams = new Map<number, ReportStream>();
  /** When a host has begun to tell; it begins anew when it has not told for `expirationMs`. */
  readonly #since = new Map<number, { fromMs: number; lastMs: number }>();
  readonly #untold = new Map<number, number>();
  readonly #timer = new Timer(this, 0);

  constructor(cluster: ClusterSettings, weights: ClientSideWeightSettings, outOfBand: OutOfBandSettings, deps: ClusterLoadReportsDeps) {
    this.#deps = deps;
    this.#weights = weights;
    const { clock, random, scope, secrets } = deps;
    const { periodMs, port, authority, transportSocketCriteria } = outOfBand;
    const stats = scope.scope('lb_orca_oob');
    this.#parts = {
      ...{ clock, random, periodMs, port, authority },
      connector: CheckConnector.of(cluster, { alpn: ['h2'], transportSocketCriteria }, scope, secrets),
      http2: { ...(cluster.http.http2 ?? DEFAULT_HTTP2_SETTINGS), keepalive: null },
      http2Stats: new Http2Stats(scope),
      request: grpcFrame(reportRequest(periodMs)),
      stats: {
        active: stats.gauge('active_sessions'),
        received: stats.counter('reports_received'),
        errors: stats.counter('report_errors'),
        failures: stats.counter('stream_failures'),
        terminated: stats.counter('stream_terminated'),
      },
      onReport: (slot, report) => this.#onReport(slot, report),
    };
  }

  /** The cluster's hosts as they are now. */
  apply(update: HostUpdate): void {
    const gone = new Set(this.#streams.keys());
    for (const { hosts } of update.priorities) {
      for (const record of hosts) {
        // Without a place in shared memory workers could not be told which host it is.
        if (record.slot < 0) continue;
        gone.delete(record.slot);
        const known = this.#streams.get(record.slot);
        if (known !== undefined) known.host.record = record;
        else this.#streams.set(record.slot, new ReportStream(new CheckedHost(this.#deps.cells, record.slot, record), this.#parts));
      }
    }
    for (const slot of gone) {
      this.#streams.get(slot)!.close();
      for (const map of [this.#streams, this.#since, this.#untold]) map.delete(slot);
    }
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
    this.#deps.clock.disarm(this.#timer);
  }

  onTimer(): void {
    const now = this.#deps.clock.nowMs();
    this.#deps.tell(Array.from(this.#untold, ([slot, weight]) => ({ slot, weight, forMs: now - this.#since.get(slot)!.fromMs })));
    this.#untold.clear();
  }

  #onReport(slot: number, report: OrcaReport): boolean {
    const weight = weightOf(report, this.#weights);
    if (weight <= 0) return false;
    const now = this.#deps.clock.nowMs();
    const since = this.#since.get(slot);
    if (since === undefined || now - since.lastMs > this.#weights.expirationMs) this.#since.set(slot, { fromMs: now, lastMs: now });
    else since.lastMs = now;
    this.#untold.set(slot, weight);
    if (!this.#timer.armed) this.#deps.clock.arm(this.#timer, TELL_AFTER_MS);
    return true;
  }
}

/** OrcaLoadReportRequest with `report_interval` alone. */
function reportRequest(periodMs: number): Buffer {
  const seconds = Math.floor(periodMs / 1000);
  const nanos = (periodMs % 1000) * 1e6;
  const duration = [...(seconds > 0 ? [0x08, ...varint(seconds)] : []), ...(nanos > 0 ? [0x10, ...varint(nanos)] : [])];
  return Buffer.from([0x0a, duration.length, ...duration]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}
