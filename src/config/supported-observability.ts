/** Implemented fields of access loggers, formatters, tracers and taps; the form of the table is told in supported.ts. */
export const OBSERVABILITY_FIELDS = `
envoy.config.trace.v3.Tracing
  + *
envoy.config.trace.v3.Tracing.Http
  + *
envoy.config.trace.v3.ZipkinConfig
  + *
envoy.config.trace.v3.OpenTelemetryConfig
  + grpc_service http_service service_name resource_detectors sampler max_cache_size set_telemetry_sdk_resource_attributes
  + set_service_name_resource_attribute set_instrumentation_scope
envoy.extensions.tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig
  + *
envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig
  + *
envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig
  + *
envoy.extensions.tracers.opentelemetry.samplers.v3.ParentBasedSamplerConfig
  + *
envoy.extensions.tracers.opentelemetry.samplers.v3.TraceIdRatioBasedSamplerConfig
  + *
envoy.extensions.filters.http.tap.v3.Tap
  + common_config
envoy.extensions.common.tap.v3.CommonExtensionConfig
  + *
envoy.extensions.common.tap.v3.AdminConfig
  + *
envoy.config.tap.v3.TapConfig
  + *
envoy.config.tap.v3.MatchPredicate
  + *
envoy.config.tap.v3.MatchPredicate.MatchSet
  + *
envoy.config.tap.v3.HttpHeadersMatch
  + *
envoy.config.tap.v3.HttpGenericBodyMatch
  + *
envoy.config.tap.v3.HttpGenericBodyMatch.GenericTextMatch
  + *
envoy.config.tap.v3.OutputConfig
  + sinks max_buffered_rx_bytes max_buffered_tx_bytes streaming
envoy.config.tap.v3.OutputSink
  + format streaming_admin file_per_tap buffered_admin
envoy.config.tap.v3.StreamingAdminSink
  + *
envoy.config.tap.v3.BufferedAdminSink
  + *
envoy.config.tap.v3.FilePerTapSink
  + *
envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery
  + *
envoy.extensions.formatter.metadata.v3.Metadata
  + *
envoy.extensions.access_loggers.file.v3.FileAccessLog
  + *
envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
  + *
envoy.extensions.access_loggers.stream.v3.StderrAccessLog
  + *
envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig
  + *
envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig
  + *
envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig
  + log_name grpc_service buffer_flush_interval buffer_size_bytes filter_state_objects_to_log custom_tags grpc_stream_retry_policy
  ~ transport_api_version
envoy.config.core.v3.RetryPolicy
  + retry_back_off num_retries retry_on
envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig
  + common_config http_service grpc_service disable_builtin_labels resource_attributes resource_detectors body attributes stat_prefix
  + formatters log_name buffer_flush_interval buffer_size_bytes custom_tags
opentelemetry.proto.common.v1.AnyValue
  + *
opentelemetry.proto.common.v1.ArrayValue
  + *
opentelemetry.proto.common.v1.KeyValueList
  + *
opentelemetry.proto.common.v1.KeyValue
  + *
`;
