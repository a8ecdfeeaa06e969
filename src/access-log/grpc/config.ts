/** Access-log services from their messages. Source: envoy.extensions.access_loggers.grpc.v3. */
import type { CompileContext } from '../../config/context.ts';
import type { HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig } from '../../config/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js';
import { durationMs } from '../../http/config.ts';
import { compileCustomTags } from '../../http/custom-tags-config.ts';
import { compileGrpcService, compileStreamRetry } from '../../http/service-config.ts';
import { wireText } from '../../http/wire-text.ts';
import type { GrpcSink } from '../settings.ts';

const HTTP = 'envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig';
export const DEFAULT_FLUSH_INTERVAL_MS = 1000;
export const DEFAULT_BUFFER_BYTES = 16_384;

/** null if it was refused, and reported. */
export function compileGrpcLog(message: HttpGrpcAccessLogConfig | TcpGrpcAccessLogConfig, at: CompileContext): GrpcSink | null {
  const common = message.commonConfig;
  const here = at.field('common_config');
  if (common?.grpcService === undefined) {
    here.error('grpc_service is required');
    return null;
  }
  const service = compileGrpcService(common.grpcService, here.field('grpc_service'));
  if (service === null) return null;
  const http = message.$typeName === HTTP ? message : null;
  const lowerCase = (names: readonly string[] | undefined): string[] => (names ?? []).map((name) => name.toLowerCase());
  return {
    kind: 'grpc',
    stream: {
      entries: http === null ? 'tcp' : 'http',
      logName: wireText(common.logName),
      service,
      retry: compileStreamRetry(common.grpcStreamRetryPolicy, here.field('grpc_stream_retry_policy')),
      flushIntervalMs: durationMs(common.bufferFlushInterval) ?? DEFAULT_FLUSH_INTERVAL_MS,
      bufferBytes: common.bufferSizeBytes ?? DEFAULT_BUFFER_BYTES,
    },
    filterStateObjects: common.filterStateObjectsToLog,
    customTags: compileCustomTags(common.customTags, here),
    requestHeaders: lowerCase(http?.additionalRequestHeadersToLog),
    responseHeaders: lowerCase(http?.additionalResponseHeadersToLog),
    responseTrailers: lowerCase(http?.additionalResponseTrailersToLog),
  };
}
