/**
 * The one registration list: every extension, by the protobuf type of its configuration. The control side loads `config`, a worker
 * loads `filter`, each only when it is used: a worker never loads a protobuf schema.
 */

import type { CompileContext } from '../config/context.ts';
import type { FilterDeps, HttpFilterFactory, ListenerFilterFactory, NetworkFilterDeps, NetworkFilterFactory } from '../filters/api.ts';
import type { NetworkCompilers } from './compile.ts';
import type { WorkerParts } from './worker-parts.ts';

/** Messages and settings differ by extension; the type name that stands beside them says which they are. */
// biome-ignore lint/suspicious/noExplicitAny: one list holds compilers of every message type, keyed by that type's name
type Opaque = any;

export interface HttpExtension {
  readonly name: string;
  readonly type: string;
  /** Type of its per-route message; '' = the same as `type`, null = it has none. */
  readonly routeType: string | null;
  readonly terminal: boolean;
  readonly config: () => Promise<(message: Opaque, at: CompileContext) => unknown>;
  readonly routeConfig: (() => Promise<(message: Opaque, at: CompileContext) => unknown>) | null;
  readonly filter: () => Promise<(settings: Opaque, deps: FilterDeps) => HttpFilterFactory>;
}

export interface NetworkExtension {
  readonly name: string;
  readonly type: string;
  readonly terminal: boolean;
  readonly config: () => Promise<(message: Opaque, at: CompileContext, compilers: NetworkCompilers) => unknown>;
  readonly filter: () => Promise<(settings: Opaque, deps: NetworkFilterDeps, parts: WorkerParts) => NetworkFilterFactory>;
}

export interface ListenerExtension {
  readonly name: string;
  readonly type: string;
  readonly config: () => Promise<(message: Opaque, at: CompileContext) => unknown>;
  readonly filter: () => Promise<(settings: Opaque, deps: FilterDeps) => ListenerFilterFactory>;
}

export const HTTP_FILTERS: readonly HttpExtension[] = [
  {
    name: 'envoy.filters.http.stateful_session',
    type: 'envoy.extensions.filters.http.stateful_session.v3.StatefulSession',
    routeType: 'envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute',
    terminal: false,
    config: async () => (await import('../filters/http/stateful-session/config.ts')).compileStatefulSession,
    routeConfig: async () => (await import('../filters/http/stateful-session/config.ts')).compileStatefulSessionOfRoute,
    filter: async () => (await import('../filters/http/stateful-session/filter.ts')).createStatefulSession,
  },
  {
    name: 'envoy.filters.http.admission_control',
    type: 'envoy.extensions.filters.http.admission_control.v3.AdmissionControl',
    routeType: null,
    terminal: false,
    config: async () => (await import('../filters/http/admission-control/config.ts')).compileAdmissionControl,
    routeConfig: null,
    filter: async () => (await import('../filters/http/admission-control/filter.ts')).createAdmissionControl,
  },
  {
    name: 'envoy.filters.http.adaptive_concurrency',
    type: 'envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency',
    routeType: null,
    terminal: false,
    config: async () => (await import('../filters/http/adaptive-concurrency/config.ts')).compileAdaptiveConcurrency,
    routeConfig: null,
    filter: async () => (await import('../filters/http/adaptive-concurrency/filter.ts')).createAdaptiveConcurrency,
  },
  {
    name: 'envoy.filters.http.original_src',
    type: 'envoy.extensions.filters.http.original_src.v3.OriginalSrc',
    routeType: null,
    terminal: false,
    config: async () => (await import('../filters/http/original-src/config.ts')).compileOriginalSrc,
    routeConfig: null,
    filter: async () => (await import('../filters/http/original-src/filter.ts')).createOriginalSrc,
  },
  {
    name: 'envoy.filters.http.tap',
    type: 'envoy.extensions.filters.http.tap.v3.Tap',
    routeType: null,
    terminal: false,
    config: async () => (await import('../filters/http/tap/config.ts')).compileTapFilter,
    routeConfig: null,
    filter: async () => (await import('../filters/http/tap/filter.ts')).createTap,
  },
  {
    name: 'envoy.filters.http.header_mutation',
    type: 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
    routeType: 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute',
    terminal: false,
    config: async () => (await import('../filters/http/header-mutation/config.ts')).compileHeaderMutation,
    routeConfig: async () => (await import('../filters/http/header-mutation/config.ts')).compileHeaderMutationOfRoute,
    filter: async () => (await import('../filters/http/header-mutation/filter.ts')).createHeaderMutation,
  },
  {
    name: 'envoy.filters.http.cors',
    type: 'envoy.extensions.filters.http.cors.v3.Cors',
    routeType: 'envoy.extensions.filters.http.cors.v3.CorsPolicy',
    terminal: false,
    config: async () => (await import('../filters/http/cors/config.ts')).compileCors,
    routeConfig: async () => (await import('../filters/http/cors/config.ts')).compileCorsPolicy,
    filter: async () => (await import('../filters/http/cors/filter.ts')).createCors,
  },
  {
    name: 'envoy.filters.http.csrf',
    type: 'envoy.extensions.filters.http.csrf.v3.CsrfPolicy',
    routeType: '',
    terminal: false,
    config: async () => (await import('../filters/http/csrf/config.ts')).compileCsrf,
    routeConfig: async () => (await import('../filters/http/csrf/config.ts')).compileCsrf,
    filter: async () => (await import('../filters/http/csrf/filter.ts')).createCsrf,
  },
  {
    name: 'envoy.filters.http.rbac',
    type: 'envoy.extensions.filters.http.rbac.v3.RBAC',
    routeType: 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute',
    terminal: false,
    config: async () => (await import('../filters/http/rbac/config.ts')).compileRbac,
    routeConfig: async () => (await import('../filters/http/rbac/config.ts')).compileRbacOfRoute,
    filter: async () => (await import('../filters/http/rbac/filter.ts')).createRbac,
  },
  {
    name: 'envoy.filters.http.dynamic_forward_proxy',
    type: 'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig',
    routeType: 'envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig',
    terminal: false,
    config: async () => (await import('../filters/http/dynamic-forward-proxy/config.ts')).compileForwardProxyFilter,
    routeConfig: async () => (await import('../filters/http/dynamic-forward-proxy/config.ts')).compileForwardProxyOfRoute,
    filter: async () => (await import('../filters/http/dynamic-forward-proxy/filter.ts')).createForwardProxy,
  },
  {
    name: 'envoy.filters.http.buffer',
    type: 'envoy.extensions.filters.http.buffer.v3.Buffer',
    routeType: 'envoy.extensions.filters.http.buffer.v3.BufferPerRoute',
    terminal: false,
    config: async () => (await import('../filters/http/buffer/config.ts')).compileBuffer,
    routeConfig: async () => (await import('../filters/http/buffer/config.ts')).compileBufferOfRoute,
    filter: async () => (await import('../filters/http/buffer/filter.ts')).createBuffer,
  },
  {
    name: 'envoy.filters.http.bandwidth_limit',
    type: 'envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit',
    routeType: '',
    terminal: false,
    config: async () => (await import('../filters/http/bandwidth-limit/config.ts')).compileBandwidthLimit,
    routeConfig: async () => (await import('../filters/http/bandwidth-limit/config.ts')).compileBandwidthLimitOfRoute,
    filter: async () => (await import('../filters/http/bandwidth-limit/filter.ts')).createBandwidthLimit,
  },
  {
    name: 'envoy.filters.http.local_ratelimit',
    type: 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
    routeType: '',
    terminal: false,
    config: async () => (await import('../filters/http/local-ratelimit/config.ts')).compileLocalRateLimit,
    routeConfig: async () => (await import('../filters/http/local-ratelimit/config.ts')).compileLocalRateLimitOfRoute,
    filter: async () => (await import('../filters/http/local-ratelimit/filter.ts')).createLocalRateLimit,
  },
  {
    name: 'envoy.filters.http.fault',
    type: 'envoy.extensions.filters.http.fault.v3.HTTPFault',
    routeType: '',
    terminal: false,
    config: async () => (await import('../filters/http/fault/config.ts')).compileFault,
    routeConfig: async () => (await import('../filters/http/fault/config.ts')).compileFault,
    filter: async () => (await import('../filters/http/fault/filter.ts')).createFault,
  },
  {
    name: 'envoy.filters.http.compressor',
    type: 'envoy.extensions.filters.http.compressor.v3.Compressor',
    routeType: 'envoy.extensions.filters.http.compressor.v3.CompressorPerRoute',
    terminal: false,
    config: async () => (await import('../filters/http/compressor/config.ts')).compileCompressor,
    routeConfig: async () => (await import('../filters/http/compressor/config.ts')).compileCompressorOfRoute,
    filter: async () => (await import('../filters/http/compressor/filter.ts')).createCompressor,
  },
  {
    name: 'envoy.filters.http.decompressor',
    type: 'envoy.extensions.filters.http.decompressor.v3.Decompressor',
    routeType: null,
    terminal: false,
    config: async () => (await import('../filters/http/decompressor/config.ts')).compileDecompressor,
    routeConfig: null,
    filter: async () => (await import('../filters/http/decompressor/filter.ts')).createDecompressor,
  },
  {
    name: 'envoy.filters.http.grpc_stats',
    type: 'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
    routeType: null,
    terminal: false,
    config: async () => (await import('../filters/http/grpc-stats/config.ts')).compileGrpcStats,
    routeConfig: null,
    filter: async () => (await import('../filters/http/grpc-stats/filter.ts')).createGrpcStats,
  },
  {
    name: 'envoy.filters.http.grpc_web',
    type: 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb',
    routeType: null,
    terminal: false,
    config: async () => (await import('../filters/http/grpc-web/config.ts')).compileGrpcWeb,
    routeConfig: null,
    filter: async () => (await import('../filters/http/grpc-web/filter.ts')).createGrpcWeb,
  },
  {
    name: 'envoy.filters.http.grpc_http1_bridge',
    type: 'envoy.extensions.filters.http.grpc_http1_bridge.v3.Config',
    routeType: null,
    terminal: false,
    config: async () => (await import('../filters/http/grpc-http1-bridge/config.ts')).compileGrpcBridge,
    routeConfig: null,
    filter: async () => (await import('../filters/http/grpc-http1-bridge/filter.ts')).createGrpcBridge,
  },
  {
    name: 'envoy.filters.http.grpc_json_transcoder',
    type: 'envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder',
    routeType: '',
    terminal: false,
    config: async () => (await import('../filters/http/grpc-json-transcoder/config.ts')).compileTranscoder,
    routeConfig: async () => (await import('../filters/http/grpc-json-transcoder/config.ts')).compileTranscoder,
    filter: async () => (await import('../filters/http/grpc-json-transcoder/filter.ts')).createTranscoder,
  },
  {
    name: 'envoy.filters.http.health_check',
    type: 'envoy.extensions.filters.http.health_check.v3.HealthCheck',
    routeType: null,
    terminal: false,
    config: async () => (await import('../filters/http/health-check/config.ts')).compileHealthCheckFilter,
    routeConfig: null,
    filter: async () => (await import('../filters/http/health-check/filter.ts')).createHealthCheckFilter,
  },
  {
    name: 'envoy.filters.http.router',
    type: 'envoy.extensions.filters.http.router.v3.Router',
    routeType: null,
    terminal: true,
    config: async () => (await import('../filters/http/router/config.ts')).compileRouter,
    routeConfig: null,
    filter: async () => (await import('../filters/http/router/router-filter-factory.ts')).createRouter,
  },
];

export const NETWORK_FILTERS: readonly NetworkExtension[] = [
  {
    name: 'envoy.filters.network.http_connection_manager',
    type: 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    terminal: true,
    config: async () => (await import('../filters/network/http-connection-manager/config.ts')).compileHttpConnectionManager,
    filter: async () => (await import('../filters/network/http-connection-manager/filter.ts')).createHttpConnectionManager,
  },
  {
    name: 'envoy.filters.network.tcp_proxy',
    type: 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    terminal: true,
    config: async () => (await import('../filters/network/tcp-proxy/config.ts')).compileTcpProxy,
    filter: async () => (await import('../filters/network/tcp-proxy/filter.ts')).createTcpProxy,
  },
  {
    name: 'envoy.filters.network.sni_cluster',
    type: 'envoy.extensions.filters.network.sni_cluster.v3.SniCluster',
    terminal: false,
    config: async () => (await import('../filters/network/sni-cluster/config.ts')).compileSniCluster,
    filter: async () => (await import('../filters/network/sni-cluster/filter.ts')).createSniCluster,
  },
  {
    name: 'envoy.filters.network.sni_dynamic_forward_proxy',
    type: 'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig',
    terminal: false,
    config: async () => (await import('../filters/network/sni-dynamic-forward-proxy/config.ts')).compileSniForwardProxy,
    filter: async () => (await import('../filters/network/sni-dynamic-forward-proxy/filter.ts')).createSniForwardProxy,
  },
  {
    name: 'envoy.filters.network.echo',
    type: 'envoy.extensions.filters.network.echo.v3.Echo',
    terminal: true,
    config: async () => (await import('../filters/network/echo/config.ts')).compileEcho,
    filter: async () => (await import('../filters/network/echo/filter.ts')).createEcho,
  },
  {
    name: 'envoy.filters.network.direct_response',
    type: 'envoy.extensions.filters.network.direct_response.v3.Config',
    terminal: true,
    config: async () => (await import('../filters/network/direct-response/config.ts')).compileDirectResponse,
    filter: async () => (await import('../filters/network/direct-response/filter.ts')).createDirectResponse,
  },
  {
    name: 'envoy.filters.network.rbac',
    type: 'envoy.extensions.filters.network.rbac.v3.RBAC',
    terminal: false,
    config: async () => (await import('../filters/network/rbac/config.ts')).compileConnectionRbac,
    filter: async () => (await import('../filters/network/rbac/filter.ts')).createConnectionRbac,
  },
  {
    name: 'envoy.filters.network.local_ratelimit',
    type: 'envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit',
    terminal: false,
    config: async () => (await import('../filters/network/local-ratelimit/config.ts')).compileConnectionRateLimit,
    filter: async () => (await import('../filters/network/local-ratelimit/filter.ts')).createConnectionRateLimit,
  },
  {
    name: 'envoy.filters.network.connection_limit',
    type: 'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit',
    terminal: false,
    config: async () => (await import('../filters/network/connection-limit/config.ts')).compileConnectionLimit,
    filter: async () => (await import('../filters/network/connection-limit/filter.ts')).createConnectionLimit,
  },
];

export const LISTENER_FILTERS: readonly ListenerExtension[] = [
  {
    name: 'envoy.filters.listener.local_ratelimit',
    type: 'envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit',
    config: async () => (await import('../filters/listener/local-ratelimit/config.ts')).compileAcceptRateLimit,
    filter: async () => (await import('../filters/listener/local-ratelimit/filter.ts')).createAcceptRateLimit,
  },
  {
    name: 'envoy.filters.listener.original_dst',
    type: 'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
    config: async () => (await import('../filters/listener/original-dst/config.ts')).compileOriginalDst,
    filter: async () => (await import('../filters/listener/original-dst/filter.ts')).createOriginalDst,
  },
  {
    name: 'envoy.filters.listener.original_src',
    type: 'envoy.extensions.filters.listener.original_src.v3.OriginalSrc',
    config: async () => (await import('../filters/listener/original-src/config.ts')).compileOriginalSrc,
    filter: async () => (await import('../filters/listener/original-src/filter.ts')).createOriginalSrc,
  },
  {
    name: 'envoy.filters.listener.http_inspector',
    type: 'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
    config: async () => (await import('../filters/listener/http-inspector/config.ts')).compileHttpInspector,
    filter: async () => (await import('../filters/listener/http-inspector/filter.ts')).createHttpInspector,
  },
  {
    name: 'envoy.filters.listener.tls_inspector',
    type: 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
    config: async () => (await import('../filters/listener/tls-inspector/config.ts')).compileTlsInspector,
    filter: async () => (await import('../filters/listener/tls-inspector/filter.ts')).createTlsInspector,
  },
  {
    name: 'envoy.filters.listener.proxy_protocol',
    type: 'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
    config: async () => (await import('../filters/listener/proxy-protocol/config.ts')).compileProxyProtocol,
    filter: async () => (await import('../filters/listener/proxy-protocol/filter.ts')).createProxyProtocol,
  },
];
