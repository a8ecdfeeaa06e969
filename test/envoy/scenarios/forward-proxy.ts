import { type Area, type Configuration, reply } from '../harness/scenario.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const cache = (more = '') => `{name: c, dns_lookup_family: V4_ONLY${more}}`;
const filter = (more = '') =>
  `[{name: envoy.filters.http.dynamic_forward_proxy, typed_config: {"@type": ${TYPE}.filters.http.dynamic_forward_proxy.v3.FilterConfig, dns_cache_config: ${cache(more)}}}]`;
const cluster = (more = '', fields = '') =>
  `[{name: d, lb_policy: CLUSTER_PROVIDED, connect_timeout: 1s${fields}, cluster_type: {name: envoy.clusters.dynamic_forward_proxy, typed_config: {"@type": ${TYPE}.clusters.dynamic_forward_proxy.v3.ClusterConfig, dns_cache_config: ${cache(more)}}}}]`;
const perRoute = (fields: string) =>
  `typed_per_filter_config: {envoy.filters.http.dynamic_forward_proxy: {"@type": ${TYPE}.filters.http.dynamic_forward_proxy.v3.PerRouteConfig, ${fields}}}`;
const TO_D = '- {match: {prefix: /}, route: {cluster: d}}';
const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_HOST% %UPSTREAM_HOST_NAME% %UPSTREAM_CLUSTER%';

const tcpProxy = (rest: string) =>
  `{name: envoy.filters.network.tcp_proxy, typed_config: {"@type": ${TYPE}.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, ${rest}, access_log: [{name: envoy.access_loggers.file, typed_config: {"@type": ${TYPE}.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "in=%BYTES_RECEIVED% out=%BYTES_SENT% %RESPONSE_FLAGS% %UPSTREAM_HOST% %UPSTREAM_CLUSTER% %REQUESTED_SERVER_NAME%\\n"}}}}]}}`;
const INSPECTED = `{listener_filters: [{name: envoy.filters.listener.tls_inspector, typed_config: {"@type": ${TYPE}.filters.listener.tls_inspector.v3.TlsInspector}}]}`;

/** A TLS 1.2 ClientHello with a server name and nothing else of interest, one character a byte. */
export function clientHello(serverName: string): string {
  const u16 = (n: number) => String.fromCharCode(n >> 8, n & 255);
  const sized = (text: string) => u16(text.length) + text;
  const names = sized(`\0${sized(serverName)}`);
  const extensions = serverName === '' ? '' : u16(0) + sized(names);
  const body = `\x03\x03${'r'.repeat(32)}\0${sized('\x00\x2f')}\x01\0${sized(extensions)}`;
  return `\x16\x03\x01${sized(`\x01\0${sized(body)}`)}`;
}

const hello = (name: string) => ({ raw: clientHello(name), payload: clientHello(name).length });
const refused = (name: string) => ({ raw: clientHello(name), responses: 0 });

const dnsCluster = (fields: string, host = 'localhost') =>
  `[{name: n, connect_timeout: 1s, cluster_type: {name: envoy.cluster.dns, typed_config: {"@type": ${TYPE}.clusters.dns.v3.DnsCluster, ${fields}}}, load_assignment: {cluster_name: n, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: ${host}, port_value: {{a}}}}}}]}]}}]`;

const sni: readonly Configuration[] = [
  {
    name: 'sni_cluster',
    upstreams: { t: 'tcp', u: 'tcp' },
    listener: INSPECTED,
    networkFilters: `[{name: envoy.filters.network.sni_cluster, typed_config: {"@type": ${TYPE}.filters.network.sni_cluster.v3.SniCluster}}, ${tcpProxy('cluster: u')}]`,
    cases: [
      { name: 'the name is a cluster', tcp: true, send: hello('t') },
      { name: 'no such cluster', tcp: true, send: refused('nobody.test'), closes: true },
      { name: 'no name: the configured cluster', tcp: true, send: hello('') },
    ],
  },
  {
    name: 'sni_dynamic_forward_proxy',
    upstreams: { a: 'http', t: 'tcp' },
    listener: INSPECTED,
    networkFilters: `[{name: envoy.filters.network.sni_dynamic_forward_proxy, typed_config: {"@type": ${TYPE}.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig, port_value: {{t}}, dns_cache_config: ${cache(', max_hosts: 2')}}}, ${tcpProxy('cluster: d')}]`,
    clusters: cluster(', max_hosts: 2'),
    cases: [
      { name: 'resolved', tcp: true, send: hello('localhost') },
      { name: 'from the cache', tcp: true, send: hello('localhost') },
      { name: 'not resolved', tcp: true, send: refused('nosuch.invalid'), closes: true },
      { name: 'too many names', tcp: true, send: refused('another.invalid'), closes: true },
      { name: 'no name', tcp: true, send: refused(''), closes: true },
    ],
  },
];

/** Names that requests bring, and where they lead. */
export const forwardProxy: Area = {
  name: 'forward-proxy',
  configurations: [
    {
      name: 'dynamic_forward_proxy',
      upstreams: { a: 'http', b: 'http' },
      filters: filter(),
      clusters: cluster(),
      logFormat: LOG,
      routes: `
        - {match: {prefix: /literal}, route: {cluster: d}, ${perRoute('host_rewrite_literal: "localhost:{{b}}"')}}
        - {match: {prefix: /header}, route: {cluster: d}, ${perRoute('host_rewrite_header: x-host')}}
        - {match: {prefix: /fixed}, route: {cluster: a}}
        ${TO_D}
      `,
      cases: [
        { name: 'resolved', send: { path: '/', host: 'localhost:{{a}}' } },
        { name: 'from the cache', send: { path: '/again', host: 'localhost:{{a}}' } },
        { name: 'another port is another host', send: { path: '/', host: 'localhost:{{b}}' }, upstream: { b: [reply({ body: 'b' })] } },
        { name: 'an address', send: { path: '/', host: '127.0.0.1:{{a}}' } },
        { name: 'with a body', send: { method: 'POST', path: '/', host: 'localhost:{{a}}', body: 'payload' } },
        { name: 'a body while it is resolved', send: { method: 'POST', path: '/', host: '127.0.0.1:{{b}}', body: 'early bytes' } },
        { name: 'unknown name', send: { path: '/', host: 'nosuch.invalid:80' } },
        { name: 'unknown name, cached', send: { path: '/', host: 'nosuch.invalid:80' } },
        { name: 'unknown name, no port', send: { path: '/', host: 'nosuch.invalid' } },
        { name: 'a closed port', send: { path: '/', host: 'localhost:{{dead}}' } },
        { name: 'rewritten by the route', send: { path: '/literal', host: 'nosuch.invalid:80' } },
        { name: 'rewritten by a header', send: { path: '/header', host: 'nosuch.invalid:80', headers: [['x-host', 'localhost:{{a}}']] } },
        { name: 'that header is missing', send: { path: '/header', host: 'localhost:{{b}}' } },
        { name: 'another cluster', send: { path: '/fixed', host: 'nosuch.invalid:80' } },
        { name: 'upper case', send: { path: '/', host: 'LOCALHOST:{{a}}' } },
      ],
    },
    {
      name: 'max_hosts',
      upstreams: { a: 'http', b: 'http' },
      filters: filter(', max_hosts: 1'),
      clusters: cluster(', max_hosts: 1'),
      logFormat: LOG,
      routes: TO_D,
      cases: [
        { name: 'the first name', send: { path: '/', host: 'localhost:{{a}}' } },
        { name: 'the second is refused', send: { path: '/', host: 'localhost:{{b}}' } },
        { name: 'the first still works', send: { path: '/', host: 'localhost:{{a}}' } },
      ],
    },
    {
      name: 'no pending requests allowed',
      upstreams: { a: 'http', b: 'http' },
      filters: filter(', dns_cache_circuit_breaker: {max_pending_requests: 0}'),
      clusters: cluster(', dns_cache_circuit_breaker: {max_pending_requests: 0}'),
      logFormat: LOG,
      routes: TO_D,
      cases: [{ name: 'refused', send: { path: '/', host: 'localhost:{{a}}' } }],
    },
    {
      name: 'names resolved beforehand',
      upstreams: { a: 'http', b: 'http' },
      filters: filter(', preresolve_hostnames: [{address: localhost, port_value: {{a}}}]'),
      clusters: cluster(', preresolve_hostnames: [{address: localhost, port_value: {{a}}}]'),
      logFormat: LOG,
      routes: TO_D,
      cases: [{ name: 'found', until: { 'dns_cache.c.dns_query_success': 1 }, send: { path: '/', host: 'localhost:{{a}}' } }],
    },
    {
      name: 'envoy.clusters.dns',
      clusters: dnsCluster('dns_lookup_family: V4_ONLY'),
      logFormat: LOG,
      routes: '- {match: {prefix: /}, route: {cluster: n}}',
      cases: [{ name: 'every address is a host', send: 'GET /' }],
    },
    {
      name: 'envoy.clusters.dns, one logical host',
      clusters: dnsCluster('dns_lookup_family: V4_ONLY, all_addresses_in_single_endpoint: true, respect_dns_ttl: true, dns_jitter: 1s'),
      logFormat: LOG,
      routes: '- {match: {prefix: /}, route: {cluster: n}}',
      cases: [{ name: 'reached', send: 'GET /' }],
    },
    {
      name: 'envoy.clusters.dns, unknown name',
      clusters: dnsCluster(
        'dns_failure_refresh_rate: {base_interval: 5s, max_interval: 10s}, dns_lookup_family: V4_ONLY',
        'nosuch.invalid',
      ),
      logFormat: LOG,
      routes: '- {match: {prefix: /}, route: {cluster: n}}',
      cases: [{ name: 'no host', send: 'GET /' }],
    },
    ...sni,
  ],
};
