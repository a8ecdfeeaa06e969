/** Router filter settings. Source: envoy.extensions.filters.http.router.v3.Router. */
import { compileAccessLog } from '../../../access-log/config.ts';
import type { CompileContext } from '../../../config/context.ts';
import type { Router } from '../../../config/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { durationMs } from '../../../http/config.ts';
import type { RouterSettings } from './settings.ts';

export type { RouterSettings } from './settings.ts';

/** What is not implemented was refused before, by the table of supported fields. */
export function compileRouter(router: Router, at: CompileContext): RouterSettings {
  return {
    dynamicStats: router.dynamicStats ?? true,
    suppressEnvoyHeaders: router.suppressEnvoyHeaders,
    startChildSpan: router.startChildSpan,
    respectExpectedRqTimeout: router.respectExpectedRqTimeout,
    strictCheckHeaders: router.strictCheckHeaders.map((name) => name.toLowerCase()),
    suppressGrpcRequestFailureCodeStats: router.suppressGrpcRequestFailureCodeStats,
    upstreamLogs: router.upstreamLog.map((log, i) => compileAccessLog(log, at.field('upstream_log', i))).filter((log) => log !== null),
    logUpstreamReady: router.upstreamLogOptions?.flushUpstreamLogOnUpstreamStream ?? false,
    upstreamLogIntervalMs: durationMs(router.upstreamLogOptions?.upstreamLogFlushInterval) ?? 0,
    rejectConnectRequestEarlyData: router.rejectConnectRequestEarlyData ?? false,
  };
}
