/** Implemented fields of route configurations and what they are made of. See supported.ts for the notation. */
export const ROUTE_FIELDS = `
envoy.config.route.v3.RouteConfiguration
  + name virtual_hosts internal_only_headers response_headers_to_add response_headers_to_remove request_headers_to_add
  + request_headers_to_remove most_specific_header_mutations_wins validate_clusters max_direct_response_body_size_bytes
  + ignore_port_in_host_matching ignore_path_parameters_in_path_matching typed_per_filter_config metadata request_mirror_policies
  + cluster_specifier_plugins
envoy.config.route.v3.ClusterSpecifierPlugin
  + *
envoy.config.route.v3.VirtualHost
  + name domains routes require_tls request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove
  + typed_per_filter_config include_request_attempt_count include_attempt_count_in_response retry_policy hedge_policy include_is_timeout_retry_header
  + per_request_buffer_limit_bytes request_body_buffer_limit metadata virtual_clusters request_mirror_policies matcher
  + rate_limits
envoy.config.route.v3.RouteList
  + *
xds.core.v3.TypedExtensionConfig
  + *
xds.type.matcher.v3.Matcher
  + *
xds.type.matcher.v3.Matcher.OnMatch
  + *
xds.type.matcher.v3.Matcher.MatcherList
  + *
xds.type.matcher.v3.Matcher.MatcherList.FieldMatcher
  + *
xds.type.matcher.v3.Matcher.MatcherList.Predicate
  + *
xds.type.matcher.v3.Matcher.MatcherList.Predicate.PredicateList
  + *
xds.type.matcher.v3.Matcher.MatcherList.Predicate.SinglePredicate
  + input value_match custom_match
xds.type.matcher.v3.Matcher.MatcherTree
  + input exact_match_map prefix_match_map custom_match
xds.type.matcher.v3.Matcher.MatcherTree.MatchMap
  + *
xds.type.matcher.v3.IPMatcher
  + *
xds.type.matcher.v3.IPMatcher.IPRangeMatcher
  + *
xds.type.matcher.v3.ServerNameMatcher
  + *
xds.type.matcher.v3.ServerNameMatcher.DomainMatcher
  + *
envoy.extensions.matching.input_matchers.ip.v3.Ip
  + cidr_ranges
  ~ stat_prefix
envoy.extensions.matching.common_inputs.network.v3.DestinationIPInput
envoy.extensions.matching.common_inputs.network.v3.DestinationPortInput
envoy.extensions.matching.common_inputs.network.v3.SourceIPInput
envoy.extensions.matching.common_inputs.network.v3.SourcePortInput
envoy.extensions.matching.common_inputs.network.v3.DirectSourceIPInput
envoy.extensions.matching.common_inputs.network.v3.SourceTypeInput
envoy.extensions.matching.common_inputs.network.v3.ServerNameInput
envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput
  + *
envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput.PathSegment
  + *
envoy.extensions.matching.common_inputs.ssl.v3.UriSanInput
envoy.extensions.matching.common_inputs.ssl.v3.DnsSanInput
envoy.extensions.matching.common_inputs.ssl.v3.SubjectInput
envoy.type.matcher.v3.HttpRequestQueryParamMatchInput
  + *
envoy.config.rbac.v3.Action
  + *
xds.type.matcher.v3.StringMatcher
  + exact prefix suffix safe_regex contains ignore_case
xds.type.matcher.v3.RegexMatcher
  + *
xds.type.matcher.v3.RegexMatcher.GoogleRE2
  + *
envoy.config.route.v3.VirtualCluster
  + *
envoy.config.route.v3.Route
  + name match route redirect direct_response metadata typed_per_filter_config request_headers_to_add request_headers_to_remove
  + response_headers_to_add response_headers_to_remove per_request_buffer_limit_bytes request_body_buffer_limit stat_prefix
  + decorator tracing
envoy.config.route.v3.Decorator
  + *
envoy.config.route.v3.Tracing
  + *
envoy.type.tracing.v3.CustomTag
  + *
envoy.type.tracing.v3.CustomTag.Literal
  + *
envoy.type.tracing.v3.CustomTag.Environment
  + *
envoy.type.tracing.v3.CustomTag.Header
  + *
envoy.type.tracing.v3.CustomTag.Metadata
  + *
envoy.config.route.v3.RouteMatch
  + prefix path safe_regex connect_matcher path_separated_prefix path_match_policy case_sensitive runtime_fraction headers
  + query_parameters grpc tls_context dynamic_metadata cookies filter_state
envoy.config.route.v3.RouteMatch.TlsContextMatchOptions
  + *
envoy.config.route.v3.CookieMatcher
  + *
envoy.type.matcher.v3.FilterStateMatcher
  + key string_match
envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions
  + *
envoy.config.route.v3.RouteMatch.ConnectMatcher
  + *
envoy.config.route.v3.RateLimit
  + *
envoy.config.route.v3.RateLimit.HitsAddend
  + *
envoy.config.route.v3.RateLimit.Override
  + *
envoy.config.route.v3.RateLimit.Override.DynamicMetadata
  + *
envoy.config.route.v3.RateLimit.Override.RateLimitOverride
  + *
envoy.config.route.v3.RateLimit.Action
  + source_cluster destination_cluster request_headers query_parameters remote_address remote_address_match masked_remote_address generic_key
  + header_value_match query_parameter_value_match metadata
envoy.config.route.v3.RateLimit.Action.SourceCluster
  + *
envoy.config.route.v3.RateLimit.Action.DestinationCluster
  + *
envoy.config.route.v3.RateLimit.Action.RequestHeaders
  + *
envoy.config.route.v3.RateLimit.Action.QueryParameters
  + *
envoy.config.route.v3.RateLimit.Action.RemoteAddress
  + *
envoy.config.route.v3.RateLimit.Action.RemoteAddressMatch
  + *
envoy.config.route.v3.RateLimit.Action.MaskedRemoteAddress
  + *
envoy.config.route.v3.RateLimit.Action.GenericKey
  + *
envoy.config.route.v3.RateLimit.Action.HeaderValueMatch
  + *
envoy.config.route.v3.RateLimit.Action.QueryParameterValueMatch
  + *
envoy.config.route.v3.RateLimit.Action.MetaData
  + descriptor_key metadata_key default_value source skip_if_absent
envoy.type.matcher.v3.AddressMatcher
  + *
xds.core.v3.CidrRange
  + *
envoy.config.route.v3.RouteAction
  + rate_limits include_vh_rate_limits
  + cluster cluster_header weighted_clusters cluster_specifier_plugin inline_cluster_specifier_plugin cluster_not_found_response_code prefix_rewrite regex_rewrite host_rewrite_literal
  + auto_host_rewrite host_rewrite_header host_rewrite_path_regex append_x_forwarded_host timeout idle_timeout retry_policy hedge_policy priority
  + hash_policy upgrade_configs internal_redirect_policy internal_redirect_action max_internal_redirects max_grpc_timeout
  + grpc_timeout_offset max_stream_duration metadata_match path_rewrite_policy request_mirror_policies
envoy.config.route.v3.RouteAction.RequestMirrorPolicy
  + cluster cluster_header runtime_fraction disable_shadow_host_suffix_append request_headers_mutations host_rewrite_literal
  + trace_sampled
envoy.config.common.mutation_rules.v3.HeaderMutation
  + *
envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch
  + *
envoy.config.route.v3.RouteAction.HashPolicy
  + *
envoy.config.route.v3.RouteAction.HashPolicy.Header
  + *
envoy.config.route.v3.RouteAction.HashPolicy.Cookie
  + *
envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute
  + *
envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties
  + *
envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter
  + *
envoy.config.route.v3.RouteAction.HashPolicy.FilterState
  + *
envoy.config.route.v3.RouteAction.UpgradeConfig
  + *
envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig
  + *
envoy.config.core.v3.ProxyProtocolConfig
  + version pass_through_tlvs added_tlvs
envoy.config.core.v3.TlvEntry
  + type value
envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport
  + config transport_socket tlv_as_pool_key
envoy.config.core.v3.ProxyProtocolPassThroughTLVs
  + match_type tlv_type
envoy.config.route.v3.RouteAction.MaxStreamDuration
  + *
envoy.config.route.v3.RetryPolicy
  + retry_on num_retries per_try_timeout per_try_idle_timeout retry_host_predicate host_selection_retry_max_attempts
  + retriable_status_codes retry_back_off rate_limited_retry_back_off retriable_headers retriable_request_headers retry_priority
  + refresh_cluster_on_retry
envoy.config.route.v3.HedgePolicy
  + hedge_on_per_try_timeout
  ~ initial_requests additional_request_chance
envoy.config.route.v3.RetryPolicy.RetryHostPredicate
  + *
envoy.config.route.v3.RetryPolicy.RetryPriority
  + *
envoy.config.route.v3.RetryPolicy.RetryBackOff
  + *
envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff
  + *
envoy.config.route.v3.RetryPolicy.ResetHeader
  + *
envoy.config.route.v3.WeightedCluster
  + clusters runtime_key_prefix header_name use_hash_policy
  ~ total_weight
envoy.config.route.v3.WeightedCluster.ClusterWeight
  + name cluster_header weight request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove
  + typed_per_filter_config host_rewrite_literal metadata_match
envoy.config.route.v3.RedirectAction
  + https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite regex_rewrite response_code strip_query
envoy.config.route.v3.DirectResponseAction
  + status body
envoy.config.route.v3.HeaderMatcher
  + *
envoy.config.route.v3.QueryParameterMatcher
  + *
envoy.config.route.v3.InternalRedirectPolicy
  + max_internal_redirects redirect_response_codes predicates allow_cross_scheme_redirect response_headers_to_copy
envoy.config.route.v3.FilterConfig
  + *
`;
