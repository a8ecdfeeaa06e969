/** Which requests a log is written for. Source: envoy.config.accesslog.v3.AccessLogFilter. */
import { grpcStatusHeader, httpToGrpcStatus } from '../http/grpc-status.ts';
import { buildHeaderMatcher } from '../http/header-matcher.ts';
import { MetadataMatcher } from '../http/metadata-matcher.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { AccessLogFilterSettings, ComparisonSettings } from './settings.ts';

/** @param type name of an AccessLogType */
export type AccessLogFilter = (info: StreamInfo, type: string) => boolean;

export interface FilterEnvironment {
  readonly runtime: RuntimeSnapshot;
  readonly random: Random;
}

export function buildAccessLogFilter(settings: AccessLogFilterSettings, env: FilterEnvironment): AccessLogFilter {
  switch (settings.kind) {
    case 'status_code':
      return (info) => compare(info.responseCode, settings.comparison, env.runtime);
    case 'duration':
      return (info) => info.endMs >= 0 && compare(Math.floor(info.endMs - info.startMs), settings.comparison, env.runtime);
    case 'not_health_check':
      return (info) => !info.isHealthCheck;
    case 'traceable':
      return (info) => info.traced;
    case 'runtime':
      return (info) => sampled(info, settings, env);
    case 'and': {
      const all = settings.filters.map((filter) => buildAccessLogFilter(filter, env));
      return (info, type) => all.every((filter) => filter(info, type));
    }
    case 'or': {
      const any = settings.filters.map((filter) => buildAccessLogFilter(filter, env));
      return (info, type) => any.some((filter) => filter(info, type));
    }
    case 'header': {
      const matcher = buildHeaderMatcher(settings.matcher);
      return (info) => info.requestHeaders !== null && matcher.matches(info.requestHeaders);
    }
    case 'response_flag':
      return (info) => (settings.flags === 0 ? info.flags !== 0 : (info.flags & settings.flags) !== 0);
    case 'grpc_status':
      return (info) => settings.statuses.includes(grpcStatus(info)) !== settings.exclude;
    case 'metadata': {
      const matcher = new MetadataMatcher(settings.matcher);
      return (info) => (matcher.find(info) === undefined ? settings.matchIfKeyNotFound : matcher.matches(info));
    }
    case 'log_type':
      return (_info, type) => settings.types.includes(type) !== settings.exclude;
  }
}

function compare(actual: number, comparison: ComparisonSettings, runtime: RuntimeSnapshot): boolean {
  const value = runtime.integer(comparison.runtimeKey, comparison.value);
  switch (comparison.op) {
    case 'EQ':
      return actual === value;
    case 'NE':
      return actual !== value;
    case 'GE':
      return actual >= value;
    case 'LE':
      return actual <= value;
  }
}

/** The same request id gives the same verdict everywhere, unless independence is asked for (or there is no id). */
function sampled(info: StreamInfo, settings: AccessLogFilterSettings & { kind: 'runtime' }, env: FilterEnvironment): boolean {
  const { runtimeKey, numerator, denominator } = settings.fraction;
  const id = settings.independent ? undefined : info.requestHeaders?.get('x-request-id');
  const random = id === undefined ? env.random.nextU32() : Number.parseInt(id.slice(0, 8), 16) || 0;
  return env.runtime.fraction(runtimeKey, numerator, denominator, random);
}

/** From trailers, then headers, then what the HTTP status stands for; whatever the request's content type. */
function grpcStatus(info: StreamInfo): number {
  return grpcStatusHeader(info.responseTrailers) ?? grpcStatusHeader(info.responseHeaders) ?? httpToGrpcStatus(info.responseCode);
}
