/** Implemented fields of bootstrap, listeners, routes, clusters and what they are made of. See supported.ts for the notation. */
export const CORE_FIELDS = `
envoy.config.bootstrap.v3.Bootstrap
  + node static_resources dynamic_resources cluster_manager stats_config stats_sinks stats_flush_interval stats_flush_on_admin layered_runtime admin dns_resolution_config
  + typed_dns_resolver_config
  + overload_manager bootstrap_extensions tracing
  ~ deferred_stat_options watchdog watchdogs enable_dispatcher_stats default_socket_interface perf_tracing_file_path
  ~ default_regex_engine grpc_async_client_manager_config memory_allocator_manager stats_eviction_interval enable_worker_cpu_affinity
  ~ inline_headers listener_manager application_log_config
envoy.config.bootstrap.v3.Bootstrap.StaticResources
  + listeners clusters secrets
envoy.config.bootstrap.v3.Bootstrap.DynamicResources
  + lds_config cds_config
envoy.config.bootstrap.v3.Admin
  + access_log access_log_path allow_paths profile_path address
  ~ socket_options ignore_global_conn_limit
envoy.config.bootstrap.v3.ClusterManager
  + local_cluster_name upstream_bind_config outlier_detection
  ~ enable_deferred_cluster_creation
envoy.config.bootstrap.v3.ClusterManager.OutlierDetection
  + event_log_path
envoy.config.bootstrap.v3.LayeredRuntime
  + *
envoy.config.bootstrap.v3.RuntimeLayer
  + name static_layer disk_layer admin_layer
envoy.config.bootstrap.v3.RuntimeLayer.DiskLayer
  + *
envoy.config.bootstrap.v3.RuntimeLayer.AdminLayer
  + *
envoy.config.overload.v3.OverloadManager
  + *
envoy.config.overload.v3.ResourceMonitor
  + *
envoy.config.overload.v3.OverloadAction
  + *
envoy.config.overload.v3.LoadShedPoint
  + *
envoy.config.overload.v3.Trigger
  + *
envoy.config.overload.v3.ThresholdTrigger
  + *
envoy.config.overload.v3.ScaledTrigger
  + *
envoy.config.overload.v3.BufferFactoryConfig
  + *
envoy.config.core.v3.RuntimeUInt64
  + *
envoy.config.core.v3.RuntimePercent
  + *
envoy.service.discovery.v3.DiscoveryResponse
  + version_info resources type_url nonce
  ~ canary control_plane resource_errors

envoy.config.metrics.v3.StatsConfig
  + stats_tags use_all_default_tags stats_matcher histogram_bucket_settings allow_default_tag_overrides
envoy.config.metrics.v3.StatsSink
  + *
envoy.config.metrics.v3.StatsdSink
  + *
envoy.config.metrics.v3.DogStatsdSink
  + *
envoy.config.metrics.v3.MetricsServiceConfig
  + *
envoy.extensions.stat_sinks.graphite_statsd.v3.GraphiteStatsdSink
  + *
envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig
  + grpc_service http_service report_counters_as_deltas report_histograms_as_deltas emit_tags_as_attributes use_tag_extracted_name prefix
  + resource_detectors max_data_points_per_request
envoy.config.metrics.v3.StatsMatcher
  + *
envoy.config.metrics.v3.TagSpecifier
  + *
envoy.config.metrics.v3.HistogramBucketSettings
  + match buckets
  ~ bins

envoy.config.core.v3.Node
  + *
envoy.config.core.v3.Extension
  + *
envoy.config.core.v3.BuildVersion
  + *
envoy.type.v3.SemanticVersion
  + *
xds.core.v3.ContextParams
  + *
envoy.config.core.v3.Locality
  + *
envoy.config.core.v3.Metadata
  + filter_metadata
  ~ typed_filter_metadata
envoy.config.core.v3.Address
  + socket_address pipe
envoy.config.core.v3.SocketAddress
  + protocol address port_value named_port ipv4_compat
envoy.config.core.v3.Pipe
  + *
envoy.config.core.v3.CidrRange
  + *
envoy.config.core.v3.BindConfig
  + source_address freebind
envoy.config.core.v3.SocketOption
  + *
envoy.config.core.v3.SocketOption.SocketType
  + *
envoy.config.core.v3.SocketOption.SocketType.Stream
  + *
envoy.config.core.v3.SocketOption.SocketType.Datagram
  + *
envoy.config.core.v3.TcpKeepalive
  + *
envoy.config.core.v3.HeaderValueOption
  + *
envoy.config.core.v3.HeaderValue
  + *
envoy.config.core.v3.RuntimeFractionalPercent
  + *
envoy.config.core.v3.RuntimeUInt32
  + *
envoy.config.core.v3.RuntimeDouble
  + *
envoy.config.core.v3.RuntimeFeatureFlag
  + *
envoy.config.core.v3.DataSource
  + filename inline_bytes inline_string environment_variable
envoy.config.core.v3.WatchedDirectory
  + path
envoy.config.core.v3.ConfigSource
  + path path_config_source initial_fetch_timeout
  ~ resource_api_version
envoy.config.core.v3.PathConfigSource
  + path watched_directory
envoy.config.core.v3.TransportSocket
  + *
envoy.config.core.v3.TypedExtensionConfig
  + *
envoy.config.core.v3.DnsResolutionConfig
  + *
envoy.config.core.v3.DnsResolverOptions
  + no_default_search_domain
envoy.config.core.v3.SubstitutionFormatString
  + text_format json_format text_format_source omit_empty_values content_type formatters
  ~ json_format_options
envoy.config.core.v3.HttpProtocolOptions
  + idle_timeout max_connection_duration max_headers_count max_stream_duration headers_with_underscores_action
  + max_requests_per_connection max_connection_duration_jitter max_response_headers_kb
envoy.config.core.v3.Http1ProtocolOptions
  + allow_absolute_url accept_http_10 default_host_for_http_10 header_key_format enable_trailers allow_chunked_length
  + override_stream_error_on_invalid_http_message send_fully_qualified_url allow_custom_methods
  ~ use_balsa_parser
envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat
  + *
envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.ProperCaseWords
  + *
envoy.config.core.v3.Http2ProtocolOptions
  + hpack_table_size max_concurrent_streams initial_stream_window_size initial_connection_window_size allow_connect max_outbound_frames
  + max_outbound_control_frames max_consecutive_inbound_frames_with_empty_payload max_inbound_priority_frames_per_stream
  + max_inbound_window_update_frames_per_data_frame_sent stream_error_on_invalid_http_messaging connection_keepalive
  + override_stream_error_on_invalid_http_message custom_settings_parameters
  ~ use_oghttp2_codec
envoy.config.core.v3.Http2ProtocolOptions.SettingsParameter
  + *
envoy.config.core.v3.KeepaliveSettings
  + *
envoy.config.core.v3.SchemeHeaderTransformation
  + scheme_to_overwrite
envoy.type.v3.FractionalPercent
  + *
envoy.type.v3.Percent
  + *
envoy.type.v3.Int64Range
  + *
envoy.type.v3.Int32Range
  + *
envoy.type.matcher.v3.StringMatcher
  + exact prefix suffix safe_regex contains ignore_case
envoy.type.matcher.v3.ListStringMatcher
  + *
envoy.type.matcher.v3.RegexMatcher
  + *
envoy.type.matcher.v3.RegexMatcher.GoogleRE2
  ~ max_program_size
envoy.type.matcher.v3.RegexMatchAndSubstitute
  + *
envoy.type.matcher.v3.MetadataMatcher
  + *
envoy.type.matcher.v3.MetadataMatcher.PathSegment
  + *
envoy.type.matcher.v3.ValueMatcher
  + *
envoy.type.matcher.v3.ValueMatcher.NullMatch
  + *
envoy.type.matcher.v3.DoubleMatcher
  + *
envoy.type.v3.DoubleRange
  + *
envoy.type.matcher.v3.ListMatcher
  + *
envoy.type.matcher.v3.OrMatcher
  + *

envoy.config.listener.v3.Listener
  + name address additional_addresses stat_prefix filter_chains use_original_dst default_filter_chain per_connection_buffer_limit_bytes
  + metadata deprecated_v1 drain_type listener_filters listener_filters_timeout continue_on_listener_filters_timeout transparent freebind
  + traffic_direction connection_balance_config reuse_port enable_reuse_port access_log tcp_backlog_size bind_to_port tcp_keepalive
  + socket_options tcp_fast_open_queue_length ignore_global_conn_limit
  + bypass_overload_manager
  ~ max_connections_to_accept_per_socket_event
envoy.config.listener.v3.Listener.DeprecatedV1
  + *
envoy.config.listener.v3.Listener.ConnectionBalanceConfig
  + exact_balance
envoy.config.listener.v3.Listener.ConnectionBalanceConfig.ExactBalance
  + *
envoy.config.listener.v3.AdditionalAddress
  + address
envoy.config.listener.v3.FilterChain
  + filter_chain_match filters metadata transport_socket transport_socket_connect_timeout name
envoy.config.listener.v3.FilterChainMatch
  + destination_port prefix_ranges direct_source_prefix_ranges source_type source_prefix_ranges source_ports server_names
  + transport_protocol application_protocols
envoy.config.listener.v3.Filter
  + name typed_config
envoy.config.listener.v3.ListenerFilter
  + name typed_config filter_disabled
envoy.config.listener.v3.ListenerFilterChainMatchPredicate
  + *
envoy.config.listener.v3.ListenerFilterChainMatchPredicate.MatchSet
  + *

envoy.config.cluster.v3.Cluster
  + name alt_stat_name type eds_cluster_config connect_timeout per_connection_buffer_limit_bytes lb_policy load_assignment
  + connection_pool_per_downstream_connection
  + max_requests_per_connection circuit_breakers common_http_protocol_options http_protocol_options http2_protocol_options
  + typed_extension_protocol_options
  + upstream_http_protocol_options dns_refresh_rate dns_failure_refresh_rate respect_dns_ttl dns_lookup_family dns_resolvers
  + dns_jitter dns_resolution_config typed_dns_resolver_config wait_for_warm_on_init cleanup_interval upstream_bind_config
  + original_dst_lb_config least_request_lb_config round_robin_lb_config ring_hash_lb_config maglev_lb_config
  + common_lb_config transport_socket transport_socket_matches metadata
  + upstream_connection_options load_balancing_policy health_checks ignore_health_on_host_removal
  + close_connections_on_host_health_failure outlier_detection lb_subset_config cluster_type preconnect_policy track_cluster_stats
envoy.config.cluster.v3.Cluster.CustomClusterType
  + *
envoy.config.cluster.v3.Cluster.PreconnectPolicy
  + per_upstream_preconnect_ratio predictive_preconnect_ratio
envoy.config.cluster.v3.TrackClusterStats
  + *
envoy.config.cluster.v3.Cluster.TransportSocketMatch
  + *
envoy.config.cluster.v3.Cluster.EdsClusterConfig
  + *
envoy.config.cluster.v3.Cluster.RefreshRate
  + *
envoy.config.cluster.v3.Cluster.OriginalDstLbConfig
  + use_http_header http_header_name upstream_port_override metadata_key
envoy.config.core.v3.HttpUri
  + *
envoy.config.core.v3.GrpcService
  + envoy_grpc timeout initial_metadata
envoy.config.core.v3.GrpcService.EnvoyGrpc
  + cluster_name authority
envoy.type.metadata.v3.MetadataKind
  + *
envoy.type.metadata.v3.MetadataKind.Request
envoy.type.metadata.v3.MetadataKind.Route
envoy.type.metadata.v3.MetadataKind.Cluster
envoy.type.metadata.v3.MetadataKind.Host
envoy.type.metadata.v3.MetadataKey
  + *
envoy.type.metadata.v3.MetadataKey.PathSegment
  + *
envoy.config.cluster.v3.Cluster.LeastRequestLbConfig
  + *
envoy.config.cluster.v3.Cluster.RoundRobinLbConfig
  + *
envoy.config.core.v3.HealthStatusSet
  + *
envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig
  + *
envoy.config.cluster.v3.Cluster.RingHashLbConfig
  + *
envoy.config.cluster.v3.Cluster.MaglevLbConfig
  + *
envoy.config.cluster.v3.Cluster.SlowStartConfig
  + *
envoy.config.cluster.v3.Cluster.CommonLbConfig
  + healthy_panic_threshold zone_aware_lb_config locality_weighted_lb_config update_merge_window
  + close_connections_on_host_set_change
  + ignore_new_hosts_until_first_hc consistent_hashing_lb_config override_host_status
envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig
  + *
envoy.config.cluster.v3.Cluster.CommonLbConfig.LocalityWeightedLbConfig
  + *
envoy.config.cluster.v3.Cluster.LbSubsetConfig
  + *
envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector
  + *
envoy.config.cluster.v3.LoadBalancingPolicy
  + *
envoy.config.cluster.v3.LoadBalancingPolicy.Policy
  + *
envoy.config.cluster.v3.OutlierDetection
  + consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx enforcing_success_rate
  + success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor consecutive_gateway_failure
  + enforcing_consecutive_gateway_failure split_external_local_origin_errors consecutive_local_origin_failure
  + enforcing_consecutive_local_origin_failure enforcing_local_origin_success_rate failure_percentage_threshold
  + enforcing_failure_percentage enforcing_failure_percentage_local_origin failure_percentage_minimum_hosts
  + failure_percentage_request_volume max_ejection_time max_ejection_time_jitter successful_active_health_check_uneject_host
  + always_eject_one_host detect_degraded_hosts
envoy.config.cluster.v3.CircuitBreakers
  + *
envoy.config.cluster.v3.CircuitBreakers.Thresholds
  + *
envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget
  + *
envoy.config.cluster.v3.UpstreamConnectionOptions
  + tcp_keepalive happy_eyeballs_config
  ~ set_local_interface_name_on_upstream_connections
envoy.config.cluster.v3.UpstreamConnectionOptions.HappyEyeballsConfig
  + *
envoy.config.core.v3.UpstreamHttpProtocolOptions
  + auto_sni auto_san_validation override_auto_sni_header
envoy.config.endpoint.v3.ClusterLoadAssignment
  + cluster_name endpoints policy
envoy.config.endpoint.v3.ClusterLoadAssignment.Policy
  + overprovisioning_factor weighted_priority_health drop_overloads endpoint_stale_after
envoy.config.endpoint.v3.ClusterLoadAssignment.Policy.DropOverload
  + *
envoy.config.endpoint.v3.LocalityLbEndpoints
  + locality metadata lb_endpoints load_balancing_weight priority
  ~ proximity
envoy.config.endpoint.v3.LbEndpoint
  + endpoint health_status metadata load_balancing_weight
envoy.config.endpoint.v3.Endpoint
  + address hostname health_check_config additional_addresses
  ~ observability_name
envoy.config.endpoint.v3.Endpoint.AdditionalAddress
  + *
envoy.config.endpoint.v3.Endpoint.HealthCheckConfig
  + *
envoy.config.core.v3.HealthCheck
  + timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold healthy_threshold reuse_connection
  + http_health_check tcp_health_check grpc_health_check custom_health_check no_traffic_interval no_traffic_healthy_interval
  + tls_options transport_socket_match_criteria unhealthy_interval unhealthy_edge_interval healthy_edge_interval event_log_path event_logger always_log_health_check_failures
  + always_log_health_check_success
  ~ alt_port event_service
envoy.config.core.v3.HealthCheck.TlsOptions
  + *
envoy.config.core.v3.HealthCheck.HttpHealthCheck
  + host path send receive response_buffer_size request_headers_to_add request_headers_to_remove expected_statuses retriable_statuses
  + codec_client_type service_name_matcher method
envoy.config.core.v3.HealthCheck.TcpHealthCheck
  + send receive
envoy.config.core.v3.HealthCheck.GrpcHealthCheck
  + *
envoy.config.core.v3.HealthCheck.CustomHealthCheck
  + *
envoy.config.core.v3.HealthCheck.Payload
  + *

envoy.admin.v3.TapRequest
  + *

envoy.config.accesslog.v3.AccessLog
  + *
envoy.config.accesslog.v3.AccessLogFilter
  + status_code_filter duration_filter not_health_check_filter traceable_filter runtime_filter and_filter or_filter header_filter
  + response_flag_filter grpc_status_filter metadata_filter log_type_filter
envoy.config.accesslog.v3.ComparisonFilter
  + *
envoy.config.accesslog.v3.StatusCodeFilter
  + *
envoy.config.accesslog.v3.DurationFilter
  + *
envoy.config.accesslog.v3.NotHealthCheckFilter
  + *
envoy.config.accesslog.v3.TraceableFilter
  + *
envoy.config.accesslog.v3.RuntimeFilter
  + *
envoy.config.accesslog.v3.AndFilter
  + *
envoy.config.accesslog.v3.OrFilter
  + *
envoy.config.accesslog.v3.HeaderFilter
  + *
envoy.config.accesslog.v3.ResponseFlagFilter
  + *
envoy.config.accesslog.v3.GrpcStatusFilter
  + *
envoy.config.accesslog.v3.MetadataFilter
  + *
envoy.config.accesslog.v3.LogTypeFilter
  + *
`;
