/** Pieces of configurations that speak TLS. */

export const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
export const INSPECTOR =
  'listener_filters: [{name: i, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}]';
export const own = (...names: readonly string[]) =>
  `tls_certificates: [${names.map((name) => `{certificate_chain: {filename: "{{certs}}/${name}.pem"}, private_key: {filename: "{{certs}}/${name}.key"}}`).join(', ')}]`;
export const trusting = (more = '', authority = 'ca') =>
  `validation_context: {trusted_ca: {filename: "{{certs}}/${authority}.pem"}${more}}`;
export const sans = (type: string, matcher: string) => `, match_typed_subject_alt_names: [{san_type: ${type}, matcher: ${matcher}}]`;
export const downstream = (common: string, more = '') =>
  `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {${common}}${more}}}`;
export const upstream = (common: string, more = '') =>
  `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.UpstreamTlsContext, common_tls_context: {${common}}${more}}}`;
export const REQUIRED = ', require_client_certificate: true';

/** A line of its own for connections that do not get as far as a request. */
export const listenerLog = `access_log: [{name: l, filter: {not_health_check_filter: {}}, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "connection sni=%REQUESTED_SERVER_NAME% flags=%RESPONSE_FLAGS% version=%DOWNSTREAM_TLS_VERSION% failure=%DOWNSTREAM_TRANSPORT_FAILURE_REASON% ended=%CONNECTION_TERMINATION_DETAILS%\\n"}}}}]`;
export const chain = (name: string, common: string, more = '') =>
  `{filter_chain_match: {server_names: [${name}]}, ${downstream(common, more)}, filters: [{{hcm}}]}`;
export const chains = (...list: readonly string[]) => `{${listenerLog}, ${INSPECTOR}, filter_chains: [${list.join(', ')}]}`;
