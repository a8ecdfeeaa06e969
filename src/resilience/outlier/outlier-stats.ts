/** `cluster.<name>.outlier_detection.*`. */
import type { Counter, Gauge, StatsScope } from '../../stats/scope.ts';

/** Why a host was found to be an outlier. Names: envoy.data.cluster.v3.OutlierEjectionType. */
export const EjectionType = {
  Consecutive5xx: 'CONSECUTIVE_5XX',
  ConsecutiveGatewayFailure: 'CONSECUTIVE_GATEWAY_FAILURE',
  SuccessRate: 'SUCCESS_RATE',
  ConsecutiveLocalOriginFailure: 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE',
  SuccessRateLocalOrigin: 'SUCCESS_RATE_LOCAL_ORIGIN',
  FailurePercentage: 'FAILURE_PERCENTAGE',
  FailurePercentageLocalOrigin: 'FAILURE_PERCENTAGE_LOCAL_ORIGIN',
  Degraded: 'DEGRADED',
} as const;
export type EjectionType = (typeof EjectionType)[keyof typeof EjectionType];

const STAT_NAMES: Readonly<Record<Exclude<EjectionType, 'DEGRADED'>, string>> = {
  CONSECUTIVE_5XX: 'consecutive_5xx',
  CONSECUTIVE_GATEWAY_FAILURE: 'consecutive_gateway_failure',
  SUCCESS_RATE: 'success_rate',
  CONSECUTIVE_LOCAL_ORIGIN_FAILURE: 'consecutive_local_origin_failure',
  SUCCESS_RATE_LOCAL_ORIGIN: 'local_origin_success_rate',
  FAILURE_PERCENTAGE: 'failure_percentage',
  FAILURE_PERCENTAGE_LOCAL_ORIGIN: 'local_origin_failure_percentage',
};

export class OutlierStats {
  readonly ejectionsActive: Gauge;
  readonly ejectionsOverflow: Counter;
  readonly enforcedTotal: Counter;
  /** Deprecated names that dashboards still read. */
  readonly ejectionsTotal: Counter;
  readonly ejectionsConsecutive5xx: Counter;
  readonly ejectionsSuccessRate: Counter;
  readonly #detected = new Map<EjectionType, Counter>();
  readonly #enforced = new Map<EjectionType, Counter>();

  /** @param cluster `cluster.<name>.` */
  constructor(cluster: StatsScope) {
    const scope = cluster.scope('outlier_detection');
    this.ejectionsActive = scope.gauge('ejections_active');
    this.ejectionsOverflow = scope.counter('ejections_overflow');
    this.enforcedTotal = scope.counter('ejections_enforced_total');
    this.ejectionsTotal = scope.counter('ejections_total');
    this.ejectionsConsecutive5xx = scope.counter('ejections_consecutive_5xx');
    this.ejectionsSuccessRate = scope.counter('ejections_success_rate');
    for (const [type, name] of Object.entries(STAT_NAMES) as [EjectionType, string][]) {
      this.#detected.set(type, scope.counter('ejections_detected_' + name));
      this.#enforced.set(type, scope.counter('ejections_enforced_' + name));
    }
    this.#detected.set(EjectionType.Degraded, scope.counter('ejections_detected_degradation'));
  }

  detected(type: EjectionType): void {
    this.#detected.get(type)!.inc();
  }

  enforced(type: EjectionType): void {
    this.enforcedTotal.inc();
    this.#enforced.get(type)!.inc();
  }
}
