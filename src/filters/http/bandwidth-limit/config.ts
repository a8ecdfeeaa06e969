/** Bandwidth limit settings, of the filter and of routes. Source: envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit. */
import type { CompileContext } from '../../../config/context.ts';
import {
  type BandwidthLimit,
  BandwidthLimit_EnableMode as Mode,
} from '../../../config/gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.js';
import { durationMs } from '../../../http/config.ts';

export interface BandwidthLimitSettings {
  readonly statPrefix: string;
  readonly request: boolean;
  readonly response: boolean;
  /** KiB a second. */
  readonly limitKbps: number;
  readonly fillIntervalMs: number;
  readonly runtimeKey: string;
  readonly enabled: boolean;
  readonly responseTrailers: boolean;
  /** In front of the trailers' names; '' or ends with '-'. */
  readonly trailerPrefix: string;
  /** CompileContext.place: the bucket is shared by the workers under it. */
  readonly place: string;
}

/** StreamRateLimiter::DefaultFillInterval. */
const DEFAULT_FILL_INTERVAL_MS = 50;

export function compileBandwidthLimitOfRoute(message: BandwidthLimit, at: CompileContext): BandwidthLimitSettings {
  if (message.limitKbps === undefined) at.error('limit must be set for per route filter config');
  return compileBandwidthLimit(message, at);
}

export function compileBandwidthLimit(message: BandwidthLimit, at: CompileContext): BandwidthLimitSettings {
  const mode = message.enableMode;
  if (message.limitKbps === undefined && mode !== Mode.DISABLED) at.warn('limit_kbps is not set: no body passes');
  return {
    statPrefix: message.statPrefix,
    request: mode === Mode.REQUEST || mode === Mode.REQUEST_AND_RESPONSE,
    response: mode === Mode.RESPONSE || mode === Mode.REQUEST_AND_RESPONSE,
    limitKbps: Number(message.limitKbps ?? 0n),
    fillIntervalMs: Math.trunc(durationMs(message.fillInterval) ?? DEFAULT_FILL_INTERVAL_MS),
    runtimeKey: message.runtimeEnabled?.runtimeKey ?? '',
    enabled: message.runtimeEnabled?.defaultValue ?? true,
    responseTrailers: message.enableResponseTrailers,
    trailerPrefix: message.responseTrailerPrefix === '' ? '' : `${message.responseTrailerPrefix.toLowerCase()}-`,
    place: at.place,
  };
}
