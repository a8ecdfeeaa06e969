/** Source: bootstrap `stats_sinks`: envoy.config.metrics.v3.StatsSink and the sinks of envoy.extensions.stat_sinks. */
import type { CompileContext } from '../../config/context.ts';
import type { Address } from '../../config/gen/envoy/config/core/v3/address_pb.js';
import type { GrpcService } from '../../config/gen/envoy/config/core/v3/grpc_service_pb.js';
import { HistogramEmitMode, type MetricsServiceConfig } from '../../config/gen/envoy/config/metrics/v3/metrics_service_pb.js';
import type { DogStatsdSink, StatsdSink, StatsSink } from '../../config/gen/envoy/config/metrics/v3/stats_pb.js';
import type { GraphiteStatsdSink } from '../../config/gen/envoy/extensions/stat_sinks/graphite_statsd/v3/graphite_statsd_pb.js';
import type { SinkConfig } from '../../config/gen/envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry_pb.js';
import { compileResource } from '../../http/otlp-resource-config.ts';
import { compileGrpcService, compileHttpService } from '../../http/service-config.ts';
import { isIp } from '../../net/address.ts';
import type { SinkService, SinkSettings, UdpStatsdSettings } from '../../stats/sinks/settings.ts';
import type { StatsdTags } from '../../stats/sinks/statsd-lines.ts';

const METRICS = 'envoy.config.metrics.v3.';
const SINKS = 'envoy.extensions.stat_sinks.';
const EXPORT = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
const STREAM = '/envoy.service.metrics.v3.MetricsService/StreamMetrics';
const DEFAULT_PREFIX = 'envoy';

export interface SinkCompileDeps {
  readonly node: { readonly id: string; readonly cluster: string };
  /** null = it may come later. */
  clusterExists(name: string): boolean | null;
}

export function compileStatsSinks(sinks: readonly StatsSink[], at: CompileContext, deps: SinkCompileDeps): SinkSettings[] {
  return sinks.map((sink, i) => compileSink(sink, at.field('stats_sinks', i).field('typed_config'), deps)).filter((sink) => sink !== null);
}

function compileSink(sink: StatsSink, at: CompileContext, deps: SinkCompileDeps): SinkSettings | null {
  if (sink.configType.case === undefined) {
    at.error('is required');
    return null;
  }
  const config = at.unpack(sink.configType.value);
  switch (config?.$typeName) {
    case undefined:
      return null;
    case `${METRICS}StatsdSink`:
      return compileStatsd(config as StatsdSink, at, deps);
    case `${METRICS}DogStatsdSink`: {
      const { dogStatsdSpecifier, prefix, maxBytesPerDatagram } = config as DogStatsdSink;
      return compileUdp(dogStatsdSpecifier.value, prefix, 'dog', Number(maxBytesPerDatagram ?? 0n), at);
    }
    case `${SINKS}graphite_statsd.v3.GraphiteStatsdSink`: {
      const { statsdSpecifier, prefix, maxBytesPerDatagram } = config as GraphiteStatsdSink;
      return compileUdp(statsdSpecifier.value, prefix, 'graphite', Number(maxBytesPerDatagram ?? 0n), at);
    }
    case `${SINKS}open_telemetry.v3.SinkConfig`:
      return compileOtlp(config as SinkConfig, at, deps);
    case `${METRICS}MetricsServiceConfig`:
      return compileMetricsService(config as MetricsServiceConfig, at, deps);
    default:
      at.notImplemented(`statistics sink ${config!.$typeName} is not supported by Outrider yet`);
      return null;
  }
}

function compileStatsd({ statsdSpecifier, prefix }: StatsdSink, at: CompileContext, deps: SinkCompileDeps): SinkSettings | null {
  if (statsdSpecifier.case !== 'tcpClusterName') return compileUdp(statsdSpecifier.value, prefix, 'none', 0, at);
  const here = at.field('tcp_cluster_name');
  if (deps.clusterExists(statsdSpecifier.value) === false) here.error(`tcp statsd: unknown cluster '${statsdSpecifier.value}'`);
  if (deps.node.id === '' || deps.node.cluster === '')
    here.error(
      "tcp statsd: node 'id' and 'cluster' are required. Set it either in 'node' config or via --service-node and --service-cluster options.",
    );
  return { kind: 'tcp-statsd', cluster: statsdSpecifier.value, prefix: prefix || DEFAULT_PREFIX };
}

function compileUdp(
  address: Address | undefined,
  prefix: string,
  tags: StatsdTags,
  maxDatagramBytes: number,
  at: CompileContext,
): UdpStatsdSettings | null {
  const socket = address?.address;
  if (socket?.case !== 'socketAddress') {
    if (socket?.case === undefined) at.error('an address is required');
    else at.field('address').unsupported(socket.case === 'pipe' ? 'pipe' : 'envoy_internal_address');
    return null;
  }
  const { address: ip, portSpecifier } = socket.value;
  const here = at.field('address').field('socket_address');
  if (portSpecifier.case !== 'portValue') {
    here.field('port_value').error('a port is required');
    return null;
  }
  if (!isIp(ip)) {
    here.field('address').error(`malformed IP address: ${ip}`);
    return null;
  }
  return { kind: 'udp-statsd', ip, port: portSpecifier.value, prefix: prefix || DEFAULT_PREFIX, tags, maxDatagramBytes };
}

function compileOtlp(config: SinkConfig, at: CompileContext, deps: SinkCompileDeps): SinkSettings | null {
  const { protocolSpecifier } = config;
  let service: SinkService | null = null;
  if (protocolSpecifier.case === 'grpcService') service = compileGrpc(protocolSpecifier.value, EXPORT, at.field('grpc_service'), deps);
  else if (protocolSpecifier.case === 'httpService') {
    const http = compileHttpService(protocolSpecifier.value, at.field('http_service'));
    service = { ...http, headers: [['content-type', 'application/x-protobuf'], ...http.headers] };
  }
  if (service === null) return null;
  return {
    kind: 'otlp',
    service,
    prefix: config.prefix === '' ? '' : config.prefix + '.',
    countersAsDeltas: config.reportCountersAsDeltas,
    histogramsAsDeltas: config.reportHistogramsAsDeltas,
    tagsAsAttributes: config.emitTagsAsAttributes ?? true,
    tagExtractedNames: config.useTagExtractedName ?? true,
    maxDataPoints: config.maxDataPointsPerRequest,
    resource: [...compileResource(config.resourceDetectors, at)],
  };
}

function compileMetricsService(config: MetricsServiceConfig, at: CompileContext, deps: SinkCompileDeps): SinkSettings | null {
  const service = config.grpcService === undefined ? null : compileGrpc(config.grpcService, STREAM, at.field('grpc_service'), deps);
  if (service === null) return null;
  const mode = config.histogramEmitMode;
  return {
    kind: 'metrics-service',
    service,
    countersAsDeltas: config.reportCountersAsDeltas ?? false,
    tagsAsLabels: config.emitTagsAsLabels,
    histogramMode: mode === HistogramEmitMode.SUMMARY ? 'summary' : mode === HistogramEmitMode.HISTOGRAM ? 'histogram' : 'both',
    batchSize: config.batchSize,
  };
}

function compileGrpc(service: GrpcService, path: string, at: CompileContext, deps: SinkCompileDeps): SinkService | null {
  const settings = compileGrpcService(service, at);
  if (settings === null) return null;
  const { cluster, headers } = settings;
  if (deps.clusterExists(cluster) === false) at.field('envoy_grpc').field('cluster_name').error(`Unknown gRPC client cluster '${cluster}'`);
  return { ...settings, path, headers: [['te', 'trailers'], ['content-type', 'application/grpc'], ...headers] };
}
