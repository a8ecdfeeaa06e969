/** Router filter settings. Source: envoy.extensions.filters.http.router.v3.Router. */
import type { CompileContext } from '../../../config/context.ts';
import type { Router } from '../../../config/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import type { RouterSettings } from './settings.ts';

export type { RouterSettings } from './settings.ts';

/** @param at collects problems at the place of `router` */
export function compileRouter(router: Router, at: CompileContext): RouterSettings {
  if (router.upstreamLog.length > 0) at.unsupported('upstream_log');
  if (router.upstreamLogOptions !== undefined) at.unsupported('upstream_log_options');
  if (router.upstreamHttpFilters.length > 0) at.unsupported('upstream_http_filters');
  if (router.startChildSpan) at.unsupported('start_child_span');
  return {
    dynamicStats: router.dynamicStats ?? true,
    suppressEnvoyHeaders: router.suppressEnvoyHeaders,
    respectExpectedRqTimeout: router.respectExpectedRqTimeout,
    strictCheckHeaders: router.strictCheckHeaders.map((name) => name.toLowerCase()),
    suppressGrpcRequestFailureCodeStats: router.suppressGrpcRequestFailureCodeStats,
    rejectConnectRequestEarlyData: router.rejectConnectRequestEarlyData ?? false,
  };
}
