/** Clusters that are accepted or refused; the name stands before them. Envoy agrees with each (envoy-verdict.test.ts). */

const endpoint = (address: string) => `{endpoint: {address: {socket_address: {address: ${address}, port_value: 80}}}}`;
const assignment = (...localities: string[]) => `load_assignment: {cluster_name: c, endpoints: [${localities.join(', ')}]}`;
const locality = (endpoints: string, more = '') => `{lb_endpoints: [${endpoints}]${more}}`;
const IP = endpoint('127.0.0.1');
const NAME = endpoint('web.test');

export const ONE = assignment(locality(IP));

const check = (what: string, more = '') =>
  `health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1${more}, ${what}}]\n${ONE}`;
const http = (more: string) => check(`http_health_check: {path: /h, ${more}}`);

const LB = 'type.googleapis.com/envoy.extensions.load_balancing_policies';
/** The value of `load_balancing_policy`, with one typed policy. */
const policy = (name: string, message: string, fields = '') =>
  `{policies: [{typed_extension_config: {name: envoy.load_balancing_policies.${name}, typed_config: {"@type": ${LB}.${name}.v3.${message}${fields === '' ? '' : ', ' + fields}}}}]}`;
const balanced = (name: string, message: string, fields = '') => `load_balancing_policy: ${policy(name, message, fields)}\n${ONE}`;
const BY_NAME = 'common_lb_config: {consistent_hashing_lb_config: {use_hostname_for_hashing: true}}';

const TYPES = 'type.googleapis.com/envoy.extensions';
const forwardProxy = (more = '', cache = 'name: c') =>
  `lb_policy: CLUSTER_PROVIDED\ncluster_type: {name: envoy.clusters.dynamic_forward_proxy, typed_config: {"@type": ${TYPES}.clusters.dynamic_forward_proxy.v3.ClusterConfig, dns_cache_config: {${cache}}${more}}}`;
const httpOptions = (fields: string) =>
  `\ntyped_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${TYPES}.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {}}${fields}}}`;
const dnsCluster = (fields: string, hosts: string) =>
  `cluster_type: {name: envoy.cluster.dns, typed_config: {"@type": ${TYPES}.clusters.dns.v3.DnsCluster, ${fields}}}\n${assignment(locality(hosts))}`;

export const GOOD: readonly string[] = [
  forwardProxy(),
  forwardProxy(', allow_insecure_cluster_options: true') + httpOptions(''),
  forwardProxy() + httpOptions(', upstream_http_protocol_options: {auto_sni: true, auto_san_validation: true}'),
  dnsCluster('dns_lookup_family: ALL, dns_refresh_rate: 1s', `${NAME}, ${IP}`),
  dnsCluster('all_addresses_in_single_endpoint: true', NAME),
  `lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 5, maximum_ring_size: 5, hash_function: MURMUR_HASH_2}\n${ONE}`,
  `lb_policy: MAGLEV\nmaglev_lb_config: {table_size: 5000011}\n${ONE}`,
  `lb_policy: MAGLEV\ncommon_lb_config: {consistent_hashing_lb_config: {hash_balance_factor: 100}}\n${ONE}`,
  `lb_policy: RING_HASH\ntype: STRICT_DNS\n${BY_NAME}\n${ONE}`,
  `common_lb_config: {override_host_status: {statuses: [DRAINING, TIMEOUT]}}\n${ONE}`,
  balanced('ring_hash', 'RingHash', 'minimum_ring_size: 1, use_hostname_for_hashing: true'),
  balanced('ring_hash', 'RingHash', 'consistent_hashing_lb_config: {use_hostname_for_hashing: true, hash_balance_factor: 120}'),
  balanced('maglev', 'Maglev', 'table_size: 3, locality_weighted_lb_config: {}'),
  balanced('round_robin', 'RoundRobin', 'slow_start_config: {slow_start_window: 60s, aggression: {default_value: 2, runtime_key: k}}'),
  balanced('least_request', 'LeastRequest', 'slow_start_config: {min_weight_percent: {value: 0}}'),
  balanced('client_side_weighted_round_robin', 'ClientSideWeightedRoundRobin', 'weight_update_period: 0.01s'),
  balanced(
    'wrr_locality',
    'WrrLocality',
    `endpoint_picking_policy: ${policy('client_side_weighted_round_robin', 'ClientSideWeightedRoundRobin')}`,
  ),
  balanced('override_host', 'OverrideHost', `override_host_sources: [{header: x}], fallback_policy: ${policy('maglev', 'Maglev')}`),
  check('tcp_health_check: {}'),
  check('tcp_health_check: {send: {text: "00ff"}, receive: [{binary: AAE=}]}', ', alt_port: 81, interval_jitter_percent: 10'),
  http('expected_statuses: [{start: 100, end: 600}], retriable_statuses: [{start: 500, end: 501}]'),
  http('method: POST, send: {text: "00"}'),
  http('request_headers_to_add: [{header: {key: a, value: "%START_TIME%"}}], service_name_matcher: {prefix: a}'),
  `http2_protocol_options: {}\n${check('grpc_health_check: {service_name: s}')}`,
  check('custom_health_check: {name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.health_checkers.redis.v3.Redis}}'),
  '',
  ONE,
  `type: STATIC\n${assignment(locality(IP), locality(IP, ', priority: 2'))}`,
  `type: STATIC\n${assignment(locality(`${IP}, ${IP}`))}`,
  'type: STRICT_DNS',
  `type: STRICT_DNS\n${assignment(locality('{endpoint: {address: {pipe: {path: /run/x}}}}'))}`,
  `type: LOGICAL_DNS\n${assignment(locality(IP))}`,
  'type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED',
  `max_requests_per_connection: 0\n${ONE}`,
  `cleanup_interval: 1s\n${ONE}`,
  `outlier_detection: {always_eject_one_host: true}\n${ONE}`,
  `outlier_detection: {base_ejection_time: 400s, max_ejection_percent: 0}\n${ONE}`,
  `upstream_connection_options: {tcp_keepalive: {}}\n${ONE}`,
  `circuit_breakers: {per_host_thresholds: [{max_connections: 2}, {max_connections: 3}]}\n${ONE}`,
];

export const BAD: readonly (readonly [string, string])[] = [
  [forwardProxy().replace('lb_policy: CLUSTER_PROVIDED\n', ''), 'cluster provided LB not specified'],
  [forwardProxy() + httpOptions(''), 'must have auto_sni and auto_san_validation true'],
  [forwardProxy() + httpOptions(', upstream_http_protocol_options: {auto_sni: true}'), 'must have auto_sni and auto_san_validation true'],
  [dnsCluster('all_addresses_in_single_endpoint: true', `${NAME}, ${IP}`), 'must have a single locality_lb_endpoint'],
  [
    `lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 2000, maximum_ring_size: 1000}\n${ONE}`,
    'ring hash: minimum_ring_size (2000) > maximum_ring_size (1000)',
  ],
  [`lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 8388609}\n${ONE}`, 'minimum_ring_size'],
  [`lb_policy: MAGLEV\nmaglev_lb_config: {table_size: 1000}\n${ONE}`, 'The table size of maglev must be prime number'],
  [balanced('maglev', 'Maglev', 'table_size: 0'), 'The table size of maglev must be prime number'],
  [
    balanced('ring_hash', 'RingHash', 'minimum_ring_size: 9, maximum_ring_size: 8'),
    'ring hash: minimum_ring_size (9) > maximum_ring_size (8)',
  ],
  [`lb_policy: MAGLEV\ncommon_lb_config: {consistent_hashing_lb_config: {hash_balance_factor: 99}}\n${ONE}`, 'hash_balance_factor'],
  [
    `lb_policy: RING_HASH\n${BY_NAME}\n${ONE}`,
    "Cannot use hostname for consistent hashing loadbalancing for cluster of type: 'envoy.cluster.static'",
  ],
  [
    balanced('wrr_locality', 'WrrLocality', `endpoint_picking_policy: ${policy('round_robin', 'RoundRobin')}`),
    'Currently WrrLocalityLoadBalancer only supports ClientSideWeightedRoundRobinLoadBalancer',
  ],
  [balanced('override_host', 'OverrideHost', 'override_host_sources: [{header: x}]'), 'fallback_policy'],
  [balanced('override_host', 'OverrideHost', `fallback_policy: ${policy('maglev', 'Maglev')}`), 'override_host_sources'],
  [
    balanced(
      'override_host',
      'OverrideHost',
      `override_host_sources: [{header: x, metadata: {key: k, path: [{key: a}]}}], fallback_policy: ${policy('maglev', 'Maglev')}`,
    ),
    'Only one override source must be set',
  ],
  [`health_checks: [{interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}]\n${ONE}`, 'timeout'],
  [`health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1}]\n${ONE}`, 'health_check'],
  [check('tcp_health_check: {send: {text: "abc"}}'), "health_checks[0].tcp_health_check.send.text: invalid hex string 'abc'"],
  [check('tcp_health_check: {receive: [{text: "xx"}]}'), "health_checks[0].tcp_health_check.receive[0].text: invalid hex string 'xx'"],
  [check('http_health_check: {path: ""}'), 'path'],
  [check('grpc_health_check: {}'), 'health_checks[0].grpc_health_check: c cluster must support HTTP/2 for gRPC healthchecking'],
  [http('method: CONNECT'), 'method'],
  [http('send: {text: "00"}'), "HTTP health check cannot specify a request payload with method 'GET'"],
  [
    http('expected_statuses: [{start: 200, end: 200}]'),
    'Invalid http expected status range: expecting start < end, but found start=200 and end=200',
  ],
  [http('expected_statuses: [{start: 99, end: 200}]'), 'expecting start >= 100, but found start=99'],
  [http('retriable_statuses: [{start: 200, end: 601}]'), 'Invalid http retriable status range: expecting end <= 600, but found end=601'],
  [
    http('request_headers_to_add: [{header: {key: a, value: "%NO_SUCH%"}}]'),
    'health_checks[0].http_health_check.request_headers_to_add[0].header.value',
  ],
  [
    `health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}, {timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}]\n${ONE}`,
    'Multiple health checks not supported',
  ],
  [
    `type: STATIC\n${assignment(locality(NAME))}`,
    "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: malformed IP address: web.test. Consider setting resolver_name or setting cluster type to 'STRICT_DNS' or 'LOGICAL_DNS'",
  ],
  [`type: LOGICAL_DNS\n${assignment(locality(`${NAME}, ${NAME}`))}`, 'must have a single locality_lb_endpoint and a single lb_endpoint'],
  [`type: LOGICAL_DNS\n${assignment(locality(NAME), locality(NAME))}`, 'must have a single locality_lb_endpoint and a single lb_endpoint'],
  ['type: LOGICAL_DNS', 'must have a single locality_lb_endpoint and a single lb_endpoint'],
  ['type: ORIGINAL_DST', "lb_policy: LB policy ROUND_ROBIN is not valid for Cluster type ORIGINAL_DST. Only 'CLUSTER_PROVIDED' is allowed"],
  [
    `type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED\n${ONE}`,
    'load_assignment: ORIGINAL_DST clusters must have no load assignment configured',
  ],
  ['type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED\noriginal_dst_lb_config: {http_header_name: x-a}', 'Set use_http_header to true'],
  [`lb_policy: CLUSTER_PROVIDED\n${ONE}`, "cluster provided LB specified but cluster 'c' did not provide one"],
  [`lb_policy: LOAD_BALANCING_POLICY_CONFIG\n${ONE}`, 'load_balancing_policy needs to be set'],
  ['type: EDS', 'cannot create an EDS cluster without an EDS config'],
  [
    `type: STRICT_DNS\ndns_failure_refresh_rate: {base_interval: 5s, max_interval: 1s}\n${assignment(locality(NAME))}`,
    'must have max_interval greater than or equal to the base_interval',
  ],
  [
    `upstream_bind_config: {source_address: {address: web, port_value: 0}}\n${ONE}`,
    'upstream_bind_config.source_address.address: malformed IP address: web',
  ],
  [`circuit_breakers: {per_host_thresholds: [{max_pending_requests: 2}]}\n${ONE}`, 'unsupported field in per_host_thresholds'],
  [assignment(locality('{endpoint: {}}')), 'an address must be set'],
  [
    `outlier_detection: {base_ejection_time: 30s, max_ejection_time: 20s}\n${ONE}`,
    "max_ejection_time: outlier detector's max_ejection_time cannot be smaller than base_ejection_time",
  ],
  [`outlier_detection: {interval: 0s}\n${ONE}`, 'outlier_detection.interval'],
  [`outlier_detection: {max_ejection_percent: 101}\n${ONE}`, 'outlier_detection.max_ejection_percent'],
  [`connect_timeout: 0s\n${ONE}`, 'connect_timeout'],
  [
    `load_balancing_policy: {policies: [{typed_extension_config: {name: x, typed_config: {"@type": type.googleapis.com/envoy.config.core.v3.Metadata}}}]}\n${ONE}`,
    'no known load balancing policy among [x]',
  ],
];
