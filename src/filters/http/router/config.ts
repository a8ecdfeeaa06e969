/** Router filter settings. Source: envoy.extensions.filters.http.router.v3.Router. */
import type { Router } from '../../../config/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import type { RouterSettings } from './settings.ts';

export type { RouterSettings } from './settings.ts';

/** What is not implemented was refused before, by the table of supported fields. */
export function compileRouter(router: Router): RouterSettings {
  return {
    dynamicStats: router.dynamicStats ?? true,
    suppressEnvoyHeaders: router.suppressEnvoyHeaders,
    respectExpectedRqTimeout: router.respectExpectedRqTimeout,
    strictCheckHeaders: router.strictCheckHeaders.map((name) => name.toLowerCase()),
    suppressGrpcRequestFailureCodeStats: router.suppressGrpcRequestFailureCodeStats,
    rejectConnectRequestEarlyData: router.rejectConnectRequestEarlyData ?? false,
  };
}
