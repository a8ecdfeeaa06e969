/** gRPC statistics settings. Source: envoy.extensions.filters.http.grpc_stats.v3.FilterConfig. */
import type { FilterConfig } from '../../../config/gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js';

export interface GrpcStatsSettings {
  readonly allMethods: boolean;
  /** `/<service>/<method>` of those that have statistics of their own. */
  readonly methods: readonly string[];
  readonly emitFilterState: boolean;
  readonly upstreamTimes: boolean;
  readonly replaceDots: boolean;
}

export function compileGrpcStats(message: FilterConfig): GrpcStatsSettings {
  const specifier = message.perMethodStatSpecifier;
  const services = specifier.case === 'individualMethodStatsAllowlist' ? specifier.value.services : [];
  return {
    allMethods: specifier.case === 'statsForAllMethods' && specifier.value.value === true,
    methods: services.flatMap((service) => service.methodNames.map((method) => `/${service.name}/${method}`)),
    emitFilterState: message.emitFilterState,
    upstreamTimes: message.enableUpstreamStats,
    replaceDots: message.replaceDotsInGrpcServiceName,
  };
}
