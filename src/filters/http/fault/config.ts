/** Fault filter settings, of the filter and of routes. Source: envoy.extensions.filters.http.fault.v3.HTTPFault. */
import type { CompileContext } from '../../../config/context.ts';
import type { HTTPFault } from '../../../config/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import type { FractionalPercent } from '../../../config/gen/envoy/type/v3/percent_pb.js';
import { compileHeaderMatchers, denominatorOf, durationMs } from '../../../http/config.ts';
import { wireText } from '../../../http/wire-text.ts';
import type { FaultPercentage, FaultSettings } from './settings.ts';

export function compileFault(message: HTTPFault, at: CompileContext): FaultSettings {
  const { delay, abort, responseRateLimit } = message;
  const error = abort?.errorType;
  const delayBy = delay?.faultDelaySecifier;
  const limit = responseRateLimit?.limitType;
  return {
    delay:
      delay === undefined
        ? null
        : { fixedMs: delayBy?.case === 'fixedDelay' ? Math.trunc(durationMs(delayBy.value)) : null, percentage: percent(delay.percentage) },
    abort:
      abort === undefined
        ? null
        : {
            httpStatus: error?.case === 'httpStatus' ? error.value : 0,
            grpcStatus: error?.case === 'grpcStatus' ? error.value : -1,
            byHeader: error?.case === 'headerAbort',
            percentage: percent(abort.percentage),
            body: abort.responseBody === '' ? 'fault filter abort' : wireText(abort.responseBody),
          },
    rateLimit:
      responseRateLimit === undefined
        ? null
        : { kbps: limit?.case === 'fixedLimit' ? Number(limit.value.limitKbps) : null, percentage: percent(responseRateLimit.percentage) },
    upstreamCluster: message.upstreamCluster,
    downstreamNodes: message.downstreamNodes.map(wireText),
    headers: compileHeaderMatchers(message.headers, at, 'headers'),
    maxActiveFaults: message.maxActiveFaults ?? Number.POSITIVE_INFINITY,
    keys: {
      delayPercent: message.delayPercentRuntime || 'fault.http.delay.fixed_delay_percent',
      delayDuration: message.delayDurationRuntime || 'fault.http.delay.fixed_duration_ms',
      abortPercent: message.abortPercentRuntime || 'fault.http.abort.abort_percent',
      abortHttpStatus: message.abortHttpStatusRuntime || 'fault.http.abort.http_status',
      abortGrpcStatus: message.abortGrpcStatusRuntime || 'fault.http.abort.grpc_status',
      rateLimitPercent: message.responseRateLimitPercentRuntime || 'fault.http.rate_limit.response_percent',
      maxActiveFaults: message.maxActiveFaultsRuntime || 'fault.http.max_active_faults',
    },
    downstreamClusterStats: !message.disableDownstreamClusterStats,
    metadata: message.filterMetadata ?? {},
    place: at.place,
  };
}

function percent(value: FractionalPercent | undefined): FaultPercentage {
  return value === undefined ? { numerator: 0, denominator: 100 } : { numerator: value.numerator, denominator: denominatorOf(value) };
}
