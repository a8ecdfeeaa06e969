/** Outlier detection of a cluster. Source: envoy.config.cluster.v3.OutlierDetection. */
import type { CompileContext } from '../../config/context.ts';
import type { OutlierDetection } from '../../config/gen/envoy/config/cluster/v3/outlier_detection_pb.js';
import type { MatchPredicate } from '../../config/gen/envoy/config/common/matcher/v3/matcher_pb.js';
import { compileHeaderMatchers, durationMs } from '../../http/config.ts';
import type { ErrorMatchSettings } from './error-matcher.ts';
import { DEFAULT_MAX_EJECTION_TIME_MS, DEFAULT_OUTLIER, type OutlierSettings } from './settings.ts';

/** What of the cluster says whether its detection can work as meant. */
export interface WatchedCluster {
  /** 0 = not known from the configuration. */
  readonly fixedHosts: number;
  /** Percent. */
  readonly panicThreshold: number;
}

export function compileOutlier(message: OutlierDetection, at: CompileContext, cluster: WatchedCluster): OutlierSettings {
  const d = DEFAULT_OUTLIER;
  const baseEjectionTimeMs = durationMs(message.baseEjectionTime) ?? d.baseEjectionTimeMs;
  const settings: OutlierSettings = {
    consecutive5xx: message.consecutive5xx ?? d.consecutive5xx,
    consecutiveGatewayFailure: message.consecutiveGatewayFailure ?? d.consecutiveGatewayFailure,
    consecutiveLocalOriginFailure: message.consecutiveLocalOriginFailure ?? d.consecutiveLocalOriginFailure,
    intervalMs: durationMs(message.interval) ?? d.intervalMs,
    baseEjectionTimeMs,
    maxEjectionTimeMs: durationMs(message.maxEjectionTime) ?? Math.max(DEFAULT_MAX_EJECTION_TIME_MS, baseEjectionTimeMs),
    maxEjectionTimeJitterMs: durationMs(message.maxEjectionTimeJitter) ?? d.maxEjectionTimeJitterMs,
    maxEjectionPercent: message.maxEjectionPercent ?? d.maxEjectionPercent,
    alwaysEjectOneHost: message.alwaysEjectOneHost ?? d.alwaysEjectOneHost,
    enforcingConsecutive5xx: message.enforcingConsecutive5xx ?? d.enforcingConsecutive5xx,
    enforcingConsecutiveGatewayFailure: message.enforcingConsecutiveGatewayFailure ?? d.enforcingConsecutiveGatewayFailure,
    enforcingConsecutiveLocalOriginFailure: message.enforcingConsecutiveLocalOriginFailure ?? d.enforcingConsecutiveLocalOriginFailure,
    enforcingSuccessRate: message.enforcingSuccessRate ?? d.enforcingSuccessRate,
    enforcingLocalOriginSuccessRate: message.enforcingLocalOriginSuccessRate ?? d.enforcingLocalOriginSuccessRate,
    enforcingFailurePercentage: message.enforcingFailurePercentage ?? d.enforcingFailurePercentage,
    enforcingFailurePercentageLocalOrigin: message.enforcingFailurePercentageLocalOrigin ?? d.enforcingFailurePercentageLocalOrigin,
    successRateMinimumHosts: message.successRateMinimumHosts ?? d.successRateMinimumHosts,
    successRateRequestVolume: message.successRateRequestVolume ?? d.successRateRequestVolume,
    successRateStdevFactor: message.successRateStdevFactor ?? d.successRateStdevFactor,
    failurePercentageThreshold: message.failurePercentageThreshold ?? d.failurePercentageThreshold,
    failurePercentageMinimumHosts: message.failurePercentageMinimumHosts ?? d.failurePercentageMinimumHosts,
    failurePercentageRequestVolume: message.failurePercentageRequestVolume ?? d.failurePercentageRequestVolume,
    splitExternalLocalOriginErrors: message.splitExternalLocalOriginErrors,
    successfulActiveHealthCheckUnejectHost: message.successfulActiveHealthCheckUnejectHost ?? d.successfulActiveHealthCheckUnejectHost,
    detectDegradedHosts: message.detectDegradedHosts ?? d.detectDegradedHosts,
  };
  if (settings.maxEjectionTimeMs < baseEjectionTimeMs) {
    at.field('max_ejection_time').error("outlier detector's max_ejection_time cannot be smaller than base_ejection_time");
  }
  lint(settings, at.field('max_ejection_percent'), cluster);
  return settings;
}

/** Of all that a predicate can look at, Envoy shows it response headers only; it does not say so. */
export function compileErrorMatch({ rule }: MatchPredicate, at: CompileContext): ErrorMatchSettings {
  switch (rule.case) {
    case 'orMatch':
    case 'andMatch': {
      const here = at.field(rule.case === 'orMatch' ? 'or_match' : 'and_match');
      const rules = rule.value.rules.map((one, i) => compileErrorMatch(one, here.field('rules', i)));
      return { kind: rule.case === 'orMatch' ? 'or' : 'and', rules };
    }
    case 'notMatch':
      return { kind: 'not', rule: compileErrorMatch(rule.value, at.field('not_match')) };
    case 'anyMatch':
      return { kind: 'constant', value: true };
    case 'httpResponseHeadersMatch':
      return { kind: 'headers', headers: compileHeaderMatchers(rule.value.headers, at.field('http_response_headers_match'), 'headers') };
    default:
      at.warn('only http_response_headers_match is looked at: this never matches');
      return { kind: 'constant', value: false };
  }
}

function lint(settings: OutlierSettings, at: CompileContext, { fixedHosts, panicThreshold }: WatchedCluster): void {
  const { maxEjectionPercent, alwaysEjectOneHost } = settings;
  const ejectable = Math.floor((maxEjectionPercent * fixedHosts) / 100);
  if (fixedHosts > 0 && ejectable === 0 && !alwaysEjectOneHost && maxEjectionPercent > 0) {
    at.warn(
      `${maxEjectionPercent} % of ${fixedHosts} ${fixedHosts === 1 ? 'host' : 'hosts'} is less than one: no host will ever be ejected. ` +
        `Set it to ${Math.ceil(100 / fixedHosts)} or more, or always_eject_one_host to true`,
    );
  } else if (panicThreshold > 100 - maxEjectionPercent) {
    at.warn(
      `with ${maxEjectionPercent} % of the hosts ejected, the healthy ones are fewer than the panic threshold of ${panicThreshold} %: ` +
        'ejected hosts then get traffic again. Lower one of them (common_lb_config.healthy_panic_threshold)',
    );
  }
}
