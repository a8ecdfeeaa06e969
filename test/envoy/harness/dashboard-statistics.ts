/**
 * Names that public dashboards, alerts and monitoring integrations for Envoy ask Prometheus for: those of Grafana's library (Envoy Global, Envoy
 * Clusters), Envoy Gateway, Istio, Contour, Emissary, Consul dataplane, Kuma, Kong Mesh, the Envoy mixin, the Zabbix template and Datadog's integration, as far as
 * they are about capabilities that there are here. Left out: what belongs to management servers over gRPC (control_plane_*), WASM, HTTP/3 of its own.
 */
const GROUPS: readonly (readonly [prefix: string, names: string])[] = [
  [
    'envoy_cluster_',
    `assignment_stale assignment_timeout_received bind_errors default_total_match_count external_upstream_rq
     external_upstream_rq_completed external_upstream_rq_time external_upstream_rq_xx lb_healthy_panic lb_local_cluster_not_ok
     lb_recalculate_zone_structures lb_subsets_active lb_subsets_created lb_subsets_fallback lb_subsets_fallback_panic lb_subsets_removed
     lb_subsets_selected lb_zone_cluster_too_small lb_zone_no_capacity_left lb_zone_routing_all_directly lb_zone_routing_cross_zone
     lb_zone_routing_sampled max_host_weight membership_change membership_degraded membership_excluded membership_healthy
     membership_total original_dst_host_invalid retry_or_shadow_abandoned update_attempt update_empty update_failure update_no_rebuild
     update_success version`,
  ],
  [
    'envoy_cluster_upstream_',
    `cx_active cx_close_notify cx_connect_attempts_exceeded cx_connect_fail cx_connect_ms cx_connect_timeout cx_destroy cx_destroy_local
     cx_destroy_local_with_active_rq cx_destroy_remote cx_destroy_remote_with_active_rq cx_destroy_with_active_rq cx_http1_total
     cx_http2_total cx_http3_total cx_idle_timeout cx_length_ms cx_max_duration_reached cx_max_requests cx_none_healthy cx_overflow
     cx_pool_overflow cx_protocol_error cx_rx_bytes_buffered cx_rx_bytes_total cx_total cx_tx_bytes_buffered cx_tx_bytes_total
     flow_control_backed_up_total flow_control_drained_total flow_control_paused_reading_total flow_control_resumed_reading_total
     internal_redirect_failed_total internal_redirect_succeeded_total rq rq_0rtt rq_active rq_cancelled rq_completed rq_maintenance_mode
     rq_max_duration_reached rq_pending_active rq_pending_failure_eject rq_pending_overflow rq_pending_total rq_per_try_idle_timeout
     rq_per_try_timeout rq_retry rq_retry_backoff_exponential rq_retry_backoff_ratelimited rq_retry_limit_exceeded rq_retry_overflow
     rq_retry_success rq_rx_reset rq_time rq_timeout rq_total rq_tx_reset rq_xx`,
  ],
  [
    'envoy_cluster_circuit_breakers_',
    `default_cx_open default_cx_pool_open default_rq_open default_rq_pending_open default_rq_retry_open default_remaining_cx
     default_remaining_pending default_remaining_retries default_remaining_rq high_cx_open high_cx_pool_open high_rq_open
     high_rq_pending_open high_rq_retry_open`,
  ],
  ['envoy_cluster_health_check_', 'attempt degraded failure healthy network_failure passive_failure success verify_cluster'],
  [
    'envoy_cluster_outlier_detection_',
    `ejections_active ejections_consecutive_5xx ejections_detected_consecutive_5xx ejections_detected_consecutive_gateway_failure
     ejections_detected_consecutive_local_origin_failure ejections_detected_failure_percentage ejections_detected_success_rate
     ejections_enforced_consecutive_5xx ejections_enforced_consecutive_gateway_failure
     ejections_enforced_consecutive_local_origin_failure ejections_enforced_failure_percentage ejections_enforced_success_rate
     ejections_enforced_total ejections_overflow ejections_success_rate ejections_total`,
  ],
  [
    'envoy_cluster_http2_',
    `dropped_headers_with_underscores header_overflow headers_cb_no_stream inbound_empty_frames_flood inbound_priority_frames_flood
     inbound_window_update_frames_flood keepalive_timeout metadata_empty_frames outbound_control_flood outbound_flood pending_send_bytes
     requests_rejected_with_underscores_in_headers rx_messaging_error rx_reset stream_refused_errors streams_active trailers
     tx_flush_timeout tx_reset`,
  ],
  [
    'envoy_cluster_http1_',
    `dropped_headers_with_underscores metadata_not_supported_error requests_rejected_with_underscores_in_headers response_flood`,
  ],
  [
    'envoy_cluster_ssl_',
    `connection_error fail_verify_cert_hash fail_verify_error fail_verify_no_cert fail_verify_san handshake no_certificate session_reused`,
  ],
  [
    'envoy_cluster_manager_',
    `active_clusters cds_init_fetch_timeout cds_update_attempt cds_update_duration cds_update_failure cds_update_rejected
     cds_update_success cds_update_time cds_version cluster_added cluster_modified cluster_removed cluster_updated
     cluster_updated_via_merge update_merge_cancelled update_out_of_merge_window warming_clusters`,
  ],
  [
    'envoy_http_downstream_cx_',
    `active delayed_close_timeout destroy destroy_active_rq destroy_local destroy_local_active_rq destroy_remote destroy_remote_active_rq
     drain_close http1_active http1_total http2_active http2_total http3_active http3_total idle_timeout length_ms max_duration_reached
     max_requests_reached overload_disable_keepalive protocol_error rx_bytes_buffered rx_bytes_total ssl_active ssl_total total
     tx_bytes_buffered tx_bytes_total upgrades_active upgrades_total`,
  ],
  [
    'envoy_http_downstream_',
    `flow_control_paused_reading_total flow_control_resumed_reading_total rq_active rq_completed rq_failed_path_normalization
     rq_header_timeout rq_http1_total rq_http2_total rq_http3_total rq_idle_timeout rq_max_duration_reached rq_non_relative_path
     rq_overload_close rq_redirected_with_normalized_path rq_response_before_rq_complete rq_rx_reset rq_time rq_timeout rq_too_large
     rq_total rq_tx_reset rq_ws_on_non_ws_route rq_xx`,
  ],
  [
    'envoy_http_',
    `no_cluster no_route passthrough_internal_redirect_bad_location passthrough_internal_redirect_no_route
     passthrough_internal_redirect_predicate passthrough_internal_redirect_too_many_redirects passthrough_internal_redirect_unsafe_scheme
     rq_direct_response rq_redirect rq_reset_after_downstream_response_started rq_total rs_too_large tracing_client_enabled
     tracing_health_check tracing_not_traceable tracing_random_sampling tracing_service_forced local_rate_limit_enabled
     local_rate_limit_enforced local_rate_limit_ok local_rate_limit_rate_limited`,
  ],
  [
    'envoy_listener_',
    `downstream_cx_active downstream_cx_destroy downstream_cx_length_ms downstream_cx_overflow downstream_cx_overload_reject
     downstream_cx_total downstream_cx_transport_socket_connect_timeout downstream_global_cx_overflow downstream_listener_filter_error
     downstream_listener_filter_remote_close downstream_pre_cx_active downstream_pre_cx_timeout http_downstream_rq_completed
     http_downstream_rq_xx no_filter_chain_match worker_downstream_cx_active worker_downstream_cx_total ssl_connection_error
     ssl_fail_verify_cert_hash ssl_fail_verify_error ssl_fail_verify_no_cert ssl_fail_verify_san ssl_handshake ssl_no_certificate
     ssl_session_reused ssl_versions ssl_ciphers`,
  ],
  [
    'envoy_listener_admin_',
    `downstream_cx_active downstream_cx_destroy downstream_cx_overflow downstream_cx_total downstream_pre_cx_active
     http_downstream_rq_completed http_downstream_rq_xx main_thread_downstream_cx_active main_thread_downstream_cx_total
     no_filter_chain_match`,
  ],
  [
    'envoy_listener_manager_',
    `lds_init_fetch_timeout lds_update_attempt lds_update_duration lds_update_failure lds_update_rejected lds_update_success
     lds_update_time lds_version listener_added listener_create_failure listener_create_success listener_in_place_updated
     listener_modified listener_removed listener_stopped total_filter_chains_draining total_listeners_active total_listeners_draining
     total_listeners_warming workers_started`,
  ],
  [
    'envoy_server_',
    `compilation_settings_fips_mode concurrency days_until_first_cert_expiring debug_assertion_failures dropped_stat_flushes
     dynamic_unknown_fields envoy_bug_failures hot_restart_epoch initialization_time_ms live memory_allocated memory_heap_size
     memory_physical_size parent_connections seconds_until_first_ocsp_response_expiring state static_unknown_fields stats_recent_lookups
     total_connections uptime version main_thread_watchdog_mega_miss main_thread_watchdog_miss worker_watchdog_mega_miss
     worker_watchdog_miss`,
  ],
  [
    'envoy_runtime_',
    `admin_overrides_active deprecated_feature_seen_since_process_start deprecated_feature_use load_error load_success num_keys
     num_layers override_dir_exists override_dir_not_exists`,
  ],
  ['envoy_filesystem_', 'flushed_by_timer reopen_failed write_buffered write_completed write_failed write_total_buffered'],
  [
    'envoy_tcp_',
    `downstream_cx_no_route downstream_cx_rx_bytes_buffered downstream_cx_rx_bytes_total downstream_cx_total
     downstream_cx_tx_bytes_buffered downstream_cx_tx_bytes_total downstream_flow_control_paused_reading_total
     downstream_flow_control_resumed_reading_total idle_timeout max_downstream_connection_duration upstream_flush_active
     upstream_flush_total`,
  ],
  [
    'envoy_vhost_vcluster_upstream_',
    `rq rq_completed rq_retry rq_retry_limit_exceeded rq_retry_overflow rq_retry_success rq_time rq_timeout rq_total rq_xx`,
  ],
  ['envoy_', 'main_thread_watchdog_mega_miss main_thread_watchdog_miss workers_watchdog_mega_miss workers_watchdog_miss'],
];

/** Metric names, a histogram's without its suffixes. */
export const DASHBOARD_STATISTICS: readonly string[] = GROUPS.flatMap(([prefix, names]) =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => prefix + name),
);
