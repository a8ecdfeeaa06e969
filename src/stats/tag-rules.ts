/**
 * Envoy's default tags: which parts of a dotted name are the value of a label, and so are taken out of the metric's name. The order is that of the
 * labels in the Prometheus format, most specific first.
 */

/**
 * [tag, pattern over the tokens of the prefix]: "*" is any token, "$" the value, "text%" a token of that text and digits, of which the digits are the
 * value; a "-" before a token: its text goes from the name too; a closing "**" any tokens. The last token of a name is never in the pattern.
 */
export const ANY_NAME_RULES: readonly (readonly [string, string])[] = [
  ['envoy.worker_id', 'listener.*.worker_%.**'],
  ['envoy.worker_id', 'server.worker_%.**'],
  ['envoy.worker_id', 'listener_manager.worker_%.**'],
  ['envoy.worker_id', 'thread_local_cluster_manager.worker_%.**'],
  ['envoy.local_http_ratelimit_prefix', '$.http_local_rate_limit.**'],
  ['envoy.rbac_prefix', '$.rbac.**'],
];

/** Rules of the same form that Envoy ties to the first word of a name; it tries them after those that it does not. */
export const FIRST_WORD_RULES: readonly (readonly [string, string])[] = [
  ['envoy.mongo_callsite', 'mongo.*.collection.*.callsite.$.query'],
  ['envoy.mongo_collection', 'mongo.*.collection.$.**'],
  ['envoy.mongo_cmd', 'mongo.*.cmd.$.**'],
  ['envoy.grpc_bridge_method', 'cluster.*.grpc.*.$'],
  ['envoy.http_user_agent', 'http.*.user_agent.$'],
  ['envoy.virtual_cluster', 'vhost.*.vcluster.$.**'],
  ['envoy.fault_downstream_cluster', 'http.*.fault.$'],
  ['envoy.grpc_bridge_service', 'cluster.*.grpc.$.**'],
  ['envoy.tcp_prefix', 'tcp.$.**'],
  ['envoy.udp_prefix', 'udp.$.**'],
  ['envoy.clientssl_prefix', 'auth.clientssl.$.**'],
  ['envoy.ratelimit_prefix', 'ratelimit.$.**'],
  ['envoy.rbac_policy_name', 'http.*.rbac.policy.$'],
  ['envoy.rbac_policy_name', 'http.*.rbac.*.policy.$'],
  ['envoy.rbac_http_prefix', 'http.*.rbac.$.**'],
  ['envoy.cluster_name', 'cluster.$.**'],
  ['envoy.http_conn_manager_prefix', 'listener.*.http.$.**'],
  ['envoy.http_conn_manager_prefix', 'http.$.**'],
  ['envoy.listener_address', 'listener.$.**'],
  ['envoy.virtual_host', 'vhost.$.**'],
  ['envoy.mongo_prefix', 'mongo.$.**'],
  ['envoy.rds_route_config', 'http.*.rds.$'],
  ['envoy.scoped_rds_config', 'http.*.scoped_rds.$'],
  ['envoy.route', 'vhost.*.route.$.**'],
  ['envoy.thrift_prefix', 'thrift.$.**'],
  ['envoy.redis_prefix', 'redis.$.**'],
  ['envoy.local_network_ratelimit_prefix', 'local_rate_limit.$.**'],
  ['envoy.local_listener_ratelimit_prefix', 'listener_local_ratelimit.$.**'],
  ['envoy.dns_filter_prefix', 'dns_filter.$.**'],
  ['envoy.connection_limit_prefix', 'connection_limit.$.**'],
  ['envoy.ext_authz_prefix', 'cluster.*.ext_authz.$'],
  ['envoy.ext_authz_prefix', 'http.*.ext_authz.$'],
  ['envoy.google_grpc_client_prefix', 'grpc.$.**'],
  ['envoy.proxy_protocol_version', 'proxy_proto.-versions.-v%.**'],
  ['envoy.proxy_protocol_version', 'proxy_proto.*.-versions.-v%.**'],
  ['envoy.proxy_protocol_prefix', 'proxy_proto.$.-versions.**'],
];

/** Statistics whose last token is the value: [scope, following token, tag]. */
export const LEAF_RULES: readonly (readonly [string, string, string])[] = [
  ['listener', 'cipher', 'envoy.ssl_cipher'],
  ['listener', 'ciphers', 'envoy.ssl_cipher'],
  ['cluster', 'ciphers', 'cipher_suite'],
  ['', 'curves', 'envoy.ssl_curve'],
  ['', 'sigalgs', 'envoy.ssl_sigalg'],
  ['', 'versions', 'envoy.ssl_version'],
];

const RESPONSE_TAGS = ['envoy.response_code', 'envoy.response_code_class'];

/** All tags that are found without configuration. */
export const DEFAULT_TAGS: ReadonlySet<string> = new Set([
  ...RESPONSE_TAGS,
  ...ANY_NAME_RULES.map((r) => r[0]),
  ...FIRST_WORD_RULES.map((r) => r[0]),
  ...LEAF_RULES.map((r) => r[2]),
]);
