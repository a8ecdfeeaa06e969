/** The one bootstrap that Outrider and Envoy are both given. */

export interface BootstrapOptions {
  readonly listener: number;
  readonly admin: number;
  readonly upstream: number;
  /** Path of an access log, or null for none. */
  readonly accessLog?: string | null;
  /** It is JSON with the fields that Istio's has; Envoy's default text otherwise. */
  readonly jsonLog?: boolean;
  /** Spans of 1 % of the requests, to a Zipkin collector at the upstream's port. */
  readonly tracing?: boolean;
  /** Outlier detection, health checks, a fault filter at 0 % and a local rate limit that is never reached. */
  readonly resilience?: boolean;
  /** tcp_proxy instead of the HTTP connection manager. */
  readonly tcp?: boolean;
  readonly tls?: TlsOptions | null;
  /** The upstream speaks HTTP/2. */
  readonly http2Upstream?: boolean;
  /** Further routes in front of the one that is used, and further virtual hosts and clusters. */
  readonly extraRoutes?: number;
  readonly extraVirtualHosts?: number;
  readonly extraClusters?: number;
  readonly endpointsPerExtraCluster?: number;
  /** Every extra route goes to an extra cluster of its own, as in a mesh. */
  readonly routesUseExtraClusters?: boolean;
}

/** Files of the certificates, and where TLS is spoken. */
export interface TlsOptions {
  /** With clients, or between two sidecars in one process: plain in, mutual TLS to `inner`, plain out. */
  readonly where: 'downstream' | 'sidecars';
  readonly authority: string;
  readonly chain: string;
  readonly key: string;
  /** Port of the second sidecar's listener. */
  readonly inner: number;
  /** File of a secret `rotating` that certificate and key come from, instead of `chain` and `key`. */
  readonly secret?: string;
}

const TYPE = 'type.googleapis.com/envoy.extensions';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const HTTP2 = {
  typed_extension_protocol_options: {
    [HTTP_OPTIONS]: { '@type': `type.googleapis.com/${HTTP_OPTIONS}`, explicit_http_config: { http2_protocol_options: {} } },
  },
};

/** JSON: Envoy reads large YAML many times slower, which would say more about its YAML library than about it. */
export function bootstrap(options: BootstrapOptions): string {
  const filter = options.tcp === true ? tcpProxy() : connectionManager(options);
  const http2 = options.http2Upstream === true ? HTTP2 : {};
  const watched = options.resilience === true ? WATCHED : {};
  const clusters: unknown[] = [{ ...cluster('upstream', [options.upstream]), ...http2, ...watched }];
  if (options.tracing === true) clusters.push(cluster('zipkin', [options.upstream]));
  const tls = options.tls ?? null;
  const listeners: unknown[] = [];
  if (tls?.where === 'sidecars') {
    clusters.push({ ...cluster('inner', [tls.inner]), transport_socket: transportSocket('Upstream', tls) });
    listeners.push(listener('bench', options.listener, connectionManager({ ...options, target: 'inner' })));
    listeners.push({ ...listener('inner', tls.inner, filter, transportSocket('Downstream', tls)) });
  } else listeners.push(listener('bench', options.listener, filter, tls === null ? null : transportSocket('Downstream', tls)));
  for (let i = 0; i < (options.extraClusters ?? 0); i++) {
    const ports = Array.from({ length: options.endpointsPerExtraCluster ?? 1 }, (_v, k) => 1 + ((i * 16 + k) % 60_000));
    clusters.push(cluster(`extra-${i}`, ports));
  }
  return JSON.stringify({
    node: { id: 'bench', cluster: 'bench' },
    admin: { address: address(options.admin) },
    static_resources: {
      listeners,
      clusters,
    },
  });
}

function listener(name: string, port: number, filter: unknown, socket: object | null = null): object {
  const chain = socket === null ? { filters: [filter] } : { filters: [filter], transport_socket: socket };
  return { name, address: address(port), filter_chains: [chain] };
}

function transportSocket(side: 'Upstream' | 'Downstream', { where, authority, chain, key, secret }: TlsOptions): object {
  const mutual = where === 'sidecars';
  const trusted = { trusted_ca: { filename: authority } };
  // As meshes have it.
  const tls_params = mutual ? { tls_maximum_protocol_version: 'TLSv1_3' } : {};
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TYPE}.transport_sockets.tls.v3.${side}TlsContext`,
      common_tls_context: {
        tls_params,
        ...(secret === undefined
          ? { tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: key } }] }
          : { tls_certificate_sds_secret_configs: [{ name: 'rotating', sds_config: { path_config_source: { path: secret } } }] }),
        ...(mutual ? { validation_context: trusted } : {}),
      },
      ...(mutual && side === 'Downstream' ? { require_client_certificate: true } : {}),
    },
  };
}

function connectionManager(options: BootstrapOptions & { readonly target?: string }): unknown {
  const action = {
    cluster: options.target ?? 'upstream',
    timeout: '15s',
    retry_policy: {
      retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
      num_retries: 2,
      retriable_status_codes: [503],
    },
  };
  const extraRoutes = Array.from({ length: options.extraRoutes ?? 0 }, (_v, i) => ({
    match: { path: `/service-${i}/resource` },
    route: { cluster: options.routesUseExtraClusters === true ? `extra-${i % (options.extraClusters ?? 1)}` : 'upstream' },
  }));
  const extraHosts = Array.from({ length: options.extraVirtualHosts ?? 0 }, (_v, i) => ({
    name: `host-${i}`,
    domains: [`host-${i}.test`],
    routes: [{ match: { prefix: '/' }, route: { cluster: 'upstream' } }],
  }));
  const log =
    options.accessLog == null
      ? []
      : [
          {
            name: 'envoy.access_loggers.file',
            typed_config: {
              '@type': `${TYPE}.access_loggers.file.v3.FileAccessLog`,
              path: options.accessLog,
              ...(options.jsonLog === true ? { log_format: { json_format: JSON_FIELDS } } : {}),
            },
          },
        ];
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'bench',
      access_log: log,
      ...(options.tracing === true ? TRACING : {}),
      route_config: {
        name: 'bench',
        virtual_hosts: [
          ...extraHosts,
          { name: 'all', domains: ['*'], routes: [...extraRoutes, { match: { prefix: '/' }, route: action }] },
        ],
      },
      http_filters: [
        ...(options.resilience === true ? SHAPING : []),
        { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
      ],
    },
  };
}

const TRACING: object = {
  generate_request_id: true,
  tracing: {
    random_sampling: { value: 1 },
    provider: {
      name: 'envoy.tracers.zipkin',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig',
        collector_cluster: 'zipkin',
        collector_endpoint: '/api/v2/spans',
        collector_endpoint_version: 'HTTP_JSON',
      },
    },
  },
};

/** Those of Istio's JSON log. */
const JSON_FIELDS: Readonly<Record<string, string>> = {
  authority: '%REQ(:AUTHORITY)%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  duration: '%DURATION%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  request_id: '%REQ(X-REQUEST-ID)%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  response_code: '%RESPONSE_CODE%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  response_flags: '%RESPONSE_FLAGS%',
  route_name: '%ROUTE_NAME%',
  start_time: '%START_TIME%',
  upstream_cluster: '%UPSTREAM_CLUSTER%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  user_agent: '%REQ(USER-AGENT)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
};

/** Of a cluster whose hosts are watched. */
const WATCHED: object = {
  outlier_detection: { consecutive_5xx: 5, interval: '1s' },
  health_checks: [{ timeout: '1s', interval: '1s', unhealthy_threshold: 3, healthy_threshold: 1, http_health_check: { path: '/' } }],
};

const SHAPING = [
  {
    name: 'envoy.filters.http.fault',
    typed_config: { '@type': `${TYPE}.filters.http.fault.v3.HTTPFault`, abort: { http_status: 503, percentage: { numerator: 0 } } },
  },
  {
    name: 'envoy.filters.http.local_ratelimit',
    typed_config: {
      '@type': `${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit`,
      stat_prefix: 'bench',
      token_bucket: { max_tokens: 1_000_000_000, tokens_per_fill: 1_000_000_000, fill_interval: '1s' },
      filter_enabled: { default_value: { numerator: 100 } },
      filter_enforced: { default_value: { numerator: 100 } },
    },
  },
];

function tcpProxy(): unknown {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: { '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: 'bench', cluster: 'upstream' },
  };
}

function cluster(name: string, ports: readonly number[]): object {
  return {
    name,
    type: 'STATIC',
    lb_policy: 'LEAST_REQUEST',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: { address: address(port) } })) }] },
  };
}

function address(port: number): unknown {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
