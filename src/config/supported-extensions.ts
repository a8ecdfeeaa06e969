/** Implemented extensions: what may stand in a `typed_config`, and their fields. See supported.ts for the notation. */
export const EXTENSION_FIELDS = `
envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes
  + name scope_key_builder scoped_route_configurations_list
envoy.extensions.filters.network.http_connection_manager.v3.ScopedRouteConfigurationsList
  + *
envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder
  + *
envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder.FragmentBuilder
  + *
envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor
  + *
envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor.KvElement
  + *
envoy.config.route.v3.ScopedRouteConfiguration
  + name key route_configuration
envoy.config.route.v3.ScopedRouteConfiguration.Key
  + *
envoy.config.route.v3.ScopedRouteConfiguration.Key.Fragment
  + *
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
  + codec_type stat_prefix rds route_config scoped_routes http_filters add_user_agent common_http_protocol_options http_protocol_options
  + http2_protocol_options
  + server_name server_header_transformation scheme_header_transformation max_request_headers_kb stream_idle_timeout request_timeout
  + request_headers_timeout drain_timeout delayed_close_timeout access_log access_log_flush_interval flush_access_log_on_new_request
  + access_log_options use_remote_address xff_num_trusted_hops original_ip_detection_extensions internal_address_config skip_xff_append via
  + generate_request_id preserve_external_request_id always_set_request_id_in_response proxy_100_continue
  + represent_ipv4_remote_address_as_ipv4_mapped_ipv6 upgrade_configs normalize_path merge_slashes path_with_escaped_slashes_action
  + request_id_extension local_reply_config strip_matching_host_port strip_any_host_port stream_error_on_invalid_http_message
  + strip_trailing_host_dot append_x_forwarded_port forward_client_cert_details append_local_overload
  + set_current_client_cert_details tracing early_header_mutation_extensions proxy_status_config
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.ProxyStatusConfig
  + *
envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
  + *
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing
  + client_sampling random_sampling overall_sampling verbose max_path_tag_length custom_tags provider spawn_upstream_span no_context_propagation
  + operation upstream_operation
envoy.config.core.v3.HttpService
  + http_uri request_headers_to_add
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.HcmAccessLogOptions
  + *
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig
  + *
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails
  + *
envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig
  + *
envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter
  + name typed_config is_optional disabled
envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig
  + *
envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper
  + *
envoy.extensions.filters.network.http_connection_manager.v3.RequestIDExtension
  + *
envoy.extensions.filters.network.http_connection_manager.v3.Rds
  + *
envoy.extensions.filters.http.health_check.v3.HealthCheck
  + *
envoy.extensions.filters.http.stateful_session.v3.StatefulSession
  + *
envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute
  + *
envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState
  + *
envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState
  + *
envoy.type.http.v3.Cookie
  + *
envoy.type.http.v3.CookieAttribute
  + *
envoy.extensions.filters.http.router.v3.Router
  + suppress_envoy_headers strict_check_headers respect_expected_rq_timeout suppress_grpc_request_failure_code_stats
  + reject_connect_request_early_data upstream_log upstream_log_options start_child_span
  ~ dynamic_stats
envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
  + *
envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit
  + *
envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit
  + *
envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
  + *
envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute
  + *
envoy.extensions.filters.http.header_mutation.v3.Mutations
  + request_mutations response_mutations query_parameter_mutations response_trailers_mutations request_trailers_mutations
envoy.config.core.v3.KeyValueMutation
  + *
envoy.config.core.v3.KeyValueAppend
  + record action
envoy.config.core.v3.KeyValuePair
  + *
envoy.extensions.filters.http.cors.v3.Cors
  + *
envoy.extensions.filters.http.cors.v3.CorsPolicy
  + *
envoy.extensions.filters.http.csrf.v3.CsrfPolicy
  + *
envoy.extensions.filters.network.rbac.v3.RBAC
  + rules matcher shadow_rules shadow_matcher shadow_rules_stat_prefix stat_prefix enforcement_type delay_deny
envoy.extensions.filters.http.rbac.v3.RBAC
  + rules matcher rules_stat_prefix shadow_rules shadow_matcher shadow_rules_stat_prefix
envoy.extensions.filters.http.rbac.v3.RBACPerRoute
  + *
envoy.config.rbac.v3.RBAC
  + action policies
envoy.config.rbac.v3.Policy
  + permissions principals
envoy.config.rbac.v3.Permission
  + and_rules or_rules any header url_path destination_ip destination_port destination_port_range metadata not_rule requested_server_name
  + sourced_metadata
envoy.config.rbac.v3.Permission.Set
  + *
envoy.config.rbac.v3.Principal
  + and_ids or_ids any authenticated source_ip direct_remote_ip remote_ip header url_path metadata filter_state not_id sourced_metadata
  + custom
envoy.config.rbac.v3.Principal.Authenticated
  + *
envoy.extensions.rbac.principals.mtls_authenticated.v3.Config
  + *
envoy.config.rbac.v3.Principal.Set
  + *
envoy.config.rbac.v3.SourcedMetadata
  + *
envoy.type.matcher.v3.PathMatcher
  + *
envoy.extensions.filters.http.compressor.v3.Compressor
  + *
envoy.extensions.filters.http.compressor.v3.Compressor.CommonDirectionConfig
  + *
envoy.extensions.filters.http.compressor.v3.Compressor.RequestDirectionConfig
  + *
envoy.extensions.filters.http.compressor.v3.Compressor.ResponseDirectionConfig
  + *
envoy.extensions.filters.http.compressor.v3.CompressorPerRoute
  + *
envoy.extensions.filters.http.compressor.v3.CompressorOverrides
  + *
envoy.extensions.filters.http.compressor.v3.ResponseDirectionOverrides
  + *
envoy.extensions.filters.http.decompressor.v3.Decompressor
  + *
envoy.extensions.filters.http.decompressor.v3.Decompressor.CommonDirectionConfig
  + *
envoy.extensions.filters.http.decompressor.v3.Decompressor.RequestDirectionConfig
  + *
envoy.extensions.filters.http.decompressor.v3.Decompressor.ResponseDirectionConfig
  + *
envoy.extensions.compression.gzip.compressor.v3.Gzip
  + *
envoy.extensions.compression.gzip.decompressor.v3.Gzip
  + *
envoy.extensions.compression.brotli.compressor.v3.Brotli
  + *
envoy.extensions.compression.brotli.decompressor.v3.Brotli
  + chunk_size
  ~ disable_ring_buffer_reallocation
envoy.extensions.compression.zstd.compressor.v3.Zstd
  + *
envoy.extensions.compression.zstd.decompressor.v3.Zstd
  + *
envoy.extensions.filters.http.grpc_stats.v3.FilterConfig
  + *
envoy.config.core.v3.GrpcMethodList
  + *
envoy.config.core.v3.GrpcMethodList.Service
  + *
envoy.extensions.filters.http.grpc_web.v3.GrpcWeb
  + *
envoy.extensions.filters.http.grpc_http1_bridge.v3.Config
  + *
envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder
  + proto_descriptor proto_descriptor_bin services print_options match_incoming_request_route ignored_query_parameters auto_mapping
  + ignore_unknown_query_parameters convert_grpc_status url_unescape_spec query_param_unescape_plus match_unregistered_custom_verb
  + request_validation_options case_insensitive_enum_parsing max_request_body_size max_response_body_size
envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder.PrintOptions
  + *
envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder.RequestValidationOptions
  + *
envoy.extensions.filters.http.buffer.v3.Buffer
  + *
envoy.extensions.filters.http.buffer.v3.BufferPerRoute
  + *
envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit
  + *
envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor
  + *
envoy.extensions.common.ratelimit.v3.LocalClusterRateLimit
  + *
envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry
  + *
envoy.type.v3.TokenBucket
  + *
envoy.extensions.filters.http.fault.v3.HTTPFault
  + *
envoy.extensions.filters.http.fault.v3.FaultAbort
  + *
envoy.extensions.filters.http.fault.v3.FaultAbort.HeaderAbort
  + *
envoy.extensions.filters.common.fault.v3.FaultDelay
  + *
envoy.extensions.filters.common.fault.v3.FaultDelay.HeaderDelay
  + *
envoy.extensions.filters.common.fault.v3.FaultRateLimit
  + *
envoy.extensions.filters.common.fault.v3.FaultRateLimit.FixedLimit
  + *
envoy.extensions.filters.common.fault.v3.FaultRateLimit.HeaderLimit
  + *
envoy.extensions.filters.http.router.v3.Router.UpstreamAccessLogOptions
  + *
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
  + tunneling_config
  + stat_prefix cluster weighted_clusters idle_timeout access_log max_connect_attempts hash_policy max_downstream_connection_duration
  + access_log_flush_interval flush_access_log_on_connected access_log_options metadata_match backoff_options
  + max_downstream_connection_duration_jitter_percentage
envoy.config.core.v3.BackoffStrategy
  + *
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster
  + *
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight
  + *
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TcpAccessLogOptions
  + *
envoy.type.v3.HashPolicy
  + *
envoy.type.v3.HashPolicy.SourceIp
  + *
envoy.type.v3.HashPolicy.FilterState
  + *
envoy.extensions.filters.network.echo.v3.Echo
  + *
envoy.extensions.filters.network.direct_response.v3.Config
  + *
envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit
  + *
envoy.extensions.filters.listener.original_dst.v3.OriginalDst
  + *
envoy.extensions.filters.listener.original_src.v3.OriginalSrc
  + mark
envoy.extensions.filters.http.original_src.v3.OriginalSrc
  + *
envoy.extensions.filters.listener.http_inspector.v3.HttpInspector
  + *
envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector
  + close_connection_on_client_hello_parsing_errors max_client_hello_size enable_ja3_fingerprinting enable_ja4_fingerprinting
  ~ initial_read_buffer_size
envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
  + rules allow_requests_without_proxy_protocol disallowed_versions stat_prefix pass_through_tlvs
envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.Rule
  + *
envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.KeyValuePair
  + metadata_namespace key value_string_encoding
envoy.config.overload.v3.ScaleTimersOverloadActionConfig
  + *
envoy.config.overload.v3.ScaleTimersOverloadActionConfig.ScaleTimer
  + *
envoy.extensions.filters.http.admission_control.v3.AdmissionControl
  + *
envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria
  + *
envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria.HttpCriteria
  + *
envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria.GrpcCriteria
  + *
envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency
  + *
envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig
  + *
envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig.ConcurrencyLimitCalculationParams
  + *
envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig.MinimumRTTCalculationParams
  + *
envoy.config.overload.v3.ShrinkHeapConfig
  + timer_interval
  ~ max_unfreed_memory_bytes
envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig
  + *
envoy.extensions.resource_monitors.cgroup_memory.v3.CgroupMemoryConfig
  + *
envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig
  + *
envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig
  + *
envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
  + *
envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
  + common_tls_context require_client_certificate require_sni session_ticket_keys session_ticket_keys_sds_secret_config
  + disable_stateless_session_resumption
  + disable_stateful_session_resumption session_timeout ocsp_staple_policy
  + full_scan_certs_on_sni_mismatch prefer_client_ciphers
envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
  + common_tls_context sni max_session_keys auto_host_sni auto_sni_san_validation enforce_rsa_key_usage allow_renegotiation
envoy.extensions.transport_sockets.tls.v3.CommonTlsContext
  + tls_params tls_certificates tls_certificate_sds_secret_configs validation_context validation_context_sds_secret_config
  + combined_validation_context alpn_protocols key_log
envoy.extensions.transport_sockets.tls.v3.TlsKeyLog
  + *
envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext
  + default_validation_context validation_context_sds_secret_config
envoy.extensions.transport_sockets.tls.v3.TlsParameters
  + tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites ecdh_curves signature_algorithms compliance_policies
envoy.extensions.transport_sockets.tls.v3.TlsCertificate
  + certificate_chain private_key pkcs12 password watched_directory ocsp_staple
envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys
  + *
envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig
  + *
envoy.extensions.transport_sockets.tls.v3.Secret
  + name tls_certificate validation_context session_ticket_keys
envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext
  + trusted_ca watched_directory system_root_certs verify_certificate_spki verify_certificate_hash match_typed_subject_alt_names
  + match_subject_alt_names crl allow_expired_certificate trust_chain_verification max_verify_depth
  + custom_validator_config only_verify_leaf_cert_crl suppress_client_ca_list
envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.SystemRootCerts
  + *
envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig
  + trust_domains trust_bundles
envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig.TrustDomain
  + name trust_bundle
envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher
  + san_type matcher oid
envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer
  + *
envoy.extensions.upstreams.http.v3.HttpProtocolOptions
  + outlier_detection retry_policy hash_policy request_mirror_policies
  + common_http_protocol_options upstream_http_protocol_options explicit_http_config use_downstream_protocol_config
  + auto_config
envoy.extensions.upstreams.http.v3.HttpProtocolOptions.AutoHttpConfig
  + http_protocol_options http2_protocol_options
envoy.extensions.upstreams.http.v3.HttpProtocolOptions.OutlierDetection
  + *
envoy.config.common.matcher.v3.MatchPredicate
  + *
envoy.config.common.matcher.v3.HttpGenericBodyMatch
  + *
envoy.config.common.matcher.v3.HttpGenericBodyMatch.GenericTextMatch
  + *
envoy.config.common.matcher.v3.MatchPredicate.MatchSet
  + *
envoy.config.common.matcher.v3.HttpHeadersMatch
  + *
envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig
  + http_protocol_options http2_protocol_options
envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig
  + http_protocol_options http2_protocol_options
envoy.extensions.http.original_ip_detection.xff.v3.XffConfig
  + *
envoy.extensions.http.original_ip_detection.xff.v3.XffTrustedCidrs
  + *
envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig
  + *
envoy.type.v3.HttpStatus
  + *
envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig
  + pack_trace_reason use_request_id_for_trace_sampling
envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig
envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig
  + *
envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig
  + *
envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier
  + *
envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction
  + *
envoy.type.matcher.v3.HttpRequestHeaderMatchInput
  + *
envoy.extensions.matching.common_inputs.network.v3.FilterStateInput
  + key
envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate
  + *
envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate
  + *
envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig
  + *
envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig
  + *
envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig
  + *
envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig
  + *
envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig
  + *
envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest
  + *
envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin
  + *
envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash
  + *
envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality
  + *
envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin
  + blackout_period weight_expiration_period weight_update_period error_utilization_penalty metric_names_for_computing_utilization
  + slow_start_config enable_oob_load_report oob_reporting_period oob_reporting_config
envoy.extensions.load_balancing_policies.common.v3.OrcaOobReportingConfig
  + *
envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost
  + override_host_sources fallback_policy
envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost.OverrideHostSource
  + *
envoy.extensions.load_balancing_policies.maglev.v3.Maglev
  + *
envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig
  + *
envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig
  + *
envoy.extensions.load_balancing_policies.random.v3.Random
  + locality_lb_config
envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig
  + dns_cache_config allow_insecure_cluster_options
envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig
  + name dns_lookup_family dns_refresh_rate dns_min_refresh_rate host_ttl max_hosts dns_failure_refresh_rate dns_cache_circuit_breaker
  + dns_resolution_config typed_dns_resolver_config preresolve_hostnames dns_query_timeout disable_dns_refresh_on_failure
envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheCircuitBreakers
  + *
envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig
  + dns_cache_config
envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig
  + *
envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig
  + dns_cache_config port_value
envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TunnelingConfig
  + hostname use_post headers_to_add propagate_response_headers post_path propagate_response_trailers
envoy.extensions.bootstrap.internal_listener.v3.InternalListener
  ~ buffer_size_kb
envoy.extensions.clusters.dns.v3.DnsCluster
  + *
envoy.extensions.clusters.dns.v3.DnsCluster.RefreshRate
  + *
envoy.extensions.filters.network.sni_cluster.v3.SniCluster
  + *
envoy.extensions.clusters.aggregate.v3.ClusterConfig
  + *
envoy.extensions.load_balancing_policies.subset.v3.Subset
  + *
envoy.extensions.load_balancing_policies.subset.v3.Subset.LbSubsetSelector
  + *
envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig
  + *
envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig
  + *
envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig.ForceLocalZone
  + *
envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.LocalityWeightedLbConfig
  + *
envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided
  + *
envoy.extensions.health_checkers.redis.v3.Redis
  + key
envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink
  + *
envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
  + resolvers use_resolvers_as_fallback dns_resolver_options query_timeout_seconds query_tries
  ~ filter_unroutable_families udp_max_queries rotate_nameservers qcache_max_ttl
envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig
  ~ num_retries num_resolver_threads
envoy.extensions.regex_engines.v3.GoogleRE2
  + *
`;
