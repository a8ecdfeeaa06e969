import type { Area } from '../harness/scenario.ts';

const tcpProxy = (rest: string) =>
  `[{name: envoy.filters.network.tcp_proxy, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, ${rest}, access_log: [{name: envoy.access_loggers.file, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "in=%BYTES_RECEIVED% out=%BYTES_SENT% %RESPONSE_FLAGS% %UPSTREAM_HOST% %UPSTREAM_CLUSTER% %UPSTREAM_TRANSPORT_FAILURE_REASON% %CONNECTION_TERMINATION_DETAILS% code=%RESPONSE_CODE% %PROTOCOL% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\\n"}}}}]}}]`;
const says = (word: string) =>
  `{name: envoy.filters.network.direct_response, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config, response: {inline_string: "${word}"}}}`;
const TCP = { t: 'tcp', g: 'greeter' } as const;

/** Connections that carry no HTTP, and how a filter chain is chosen. */
export const tcp: Area = {
  name: 'tcp',
  configurations: [
    {
      name: 'tcp_proxy',
      upstreams: TCP,
      networkFilters: tcpProxy('cluster: t'),
      cases: [
        {
          name: 'bytes both ways',
          tcp: true,
          send: [
            { raw: 'hello', payload: 5 },
            { raw: 'again', payload: 5 },
          ],
        },
        { name: 'half-closed by the client', tcp: true, send: { raw: 'last', payload: 7, afterwards: 'half-close' }, closes: true },
        { name: 'any byte', tcp: true, send: { raw: '\x00\xff\r\n\x80', payload: 5 } },
        { name: '200 KiB', tcp: true, send: { raw: 'x'.repeat(200 * 1024), payload: 200 * 1024 } },
        {
          name: 'reset by the client',
          tcp: true,
          send: [
            { raw: 'x', payload: 1 },
            { raw: '', responses: 0, afterwards: 'reset' },
          ],
        },
      ],
    },
    {
      name: 'tcp_proxy, the server speaks first',
      upstreams: TCP,
      networkFilters: tcpProxy('cluster: g'),
      cases: [
        {
          name: 'greeting',
          tcp: true,
          send: [
            { raw: '', payload: 13 },
            { raw: 'helo', payload: 4 },
          ],
        },
      ],
    },
    {
      name: 'tcp_proxy to a dead port',
      upstreams: TCP,
      networkFilters: tcpProxy('cluster: dead, max_connect_attempts: 2'),
      clusters: `[{name: dead, connect_timeout: 1s, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}}]`,
      cases: [{ name: 'closed after two attempts', tcp: true, send: { raw: 'hi', responses: 0 }, closes: true }],
    },
    {
      name: 'tcp_proxy to an unknown cluster',
      upstreams: TCP,
      networkFilters: tcpProxy('cluster: gone'),
      cases: [{ name: 'closed', tcp: true, send: { raw: '', responses: 0 }, closes: true }],
    },
    {
      name: 'tcp_proxy without hosts',
      upstreams: TCP,
      networkFilters: tcpProxy('cluster: empty'),
      clusters: '[{name: empty, type: STATIC}]',
      cases: [{ name: 'closed', tcp: true, send: { raw: '', responses: 0 }, closes: true }],
    },
    {
      name: 'tcp_proxy, weighted',
      upstreams: TCP,
      networkFilters: tcpProxy('weighted_clusters: {clusters: [{name: t, weight: 1}]}'),
      cases: [{ name: 'the only one', tcp: true, send: { raw: 'hello', payload: 5 } }],
    },
    {
      name: 'tcp_proxy, idle',
      upstreams: TCP,
      networkFilters: tcpProxy('cluster: t, idle_timeout: 0.150s'),
      cases: [{ name: 'closed after a while', tcp: true, send: { raw: 'x', payload: 1 }, closes: true }],
    },
    {
      name: 'tcp_proxy, limited duration',
      upstreams: TCP,
      networkFilters: tcpProxy('cluster: t, max_downstream_connection_duration: 0.150s'),
      cases: [{ name: 'closed after a while', tcp: true, send: { raw: 'x', payload: 1 }, closes: true }],
    },
    {
      name: 'tcp_proxy and circuit breakers',
      upstreams: TCP,
      networkFilters: tcpProxy('cluster: t'),
      cluster: { t: '{circuit_breakers: {thresholds: [{max_connections: 1}]}}' },
      cases: [
        {
          name: 'the second connection is refused',
          tcp: true,
          parallel: [
            { send: { raw: 'one', payload: 3 }, until: 'answered' },
            { send: { raw: 'two', payload: 3 }, until: 'answered' },
          ],
          closes: true,
        },
      ],
    },
    {
      name: 'direct_response',
      upstreams: TCP,
      networkFilters: `[${says('hello from the listener')}]`,
      cases: [{ name: 'says and closes', tcp: true, send: { raw: '', responses: 0 }, closes: true }],
    },
    {
      name: 'echo',
      upstreams: TCP,
      networkFilters:
        '[{name: envoy.filters.network.echo, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]',
      cases: [
        {
          name: 'echoes',
          tcp: true,
          send: [
            { raw: 'abc', payload: 3 },
            { raw: 'def', payload: 3 },
          ],
        },
        {
          name: 'until the end',
          tcp: true,
          send: [
            { raw: 'abc', payload: 3 },
            { raw: '', responses: 0, afterwards: 'half-close' },
          ],
          closes: true,
        },
      ],
    },
    {
      name: 'connection_limit',
      upstreams: TCP,
      networkFilters: `[{name: envoy.filters.network.connection_limit, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit, stat_prefix: lim, max_connections: 1}}, ${tcpProxy('cluster: t').slice(1, -1)}]`,
      cases: [
        {
          name: 'the second is closed',
          tcp: true,
          parallel: [
            { send: { raw: 'one', payload: 3 }, until: 'answered' },
            { send: { raw: 'two', payload: 3 }, until: 'answered' },
          ],
        },
      ],
    },
    {
      name: 'filter chain by source',
      upstreams: TCP,
      listener: `
        filter_chains:
        - {name: range, filter_chain_match: {source_prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}, filters: [${says('ten')}]}
        - {name: loop, filter_chain_match: {source_prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}, filters: [${says('loop')}]}
        - {name: exact, filter_chain_match: {source_prefix_ranges: [{address_prefix: 127.0.0.1, prefix_len: 32}]}, filters: [${says('exact')}]}
      `,
      cases: [{ name: 'the longest prefix', tcp: true, send: { raw: '', responses: 0 }, closes: true }],
    },
    {
      name: 'filter chain by port',
      upstreams: TCP,
      listener: `
        filter_chains:
        - {name: port, filter_chain_match: {destination_port: {{listener}}, prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}, filters: [${says('port')}]}
        - {name: any, filter_chain_match: {prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}, filters: [${says('any')}]}
        default_filter_chain: {filters: [${says('default')}]}
      `,
      cases: [{ name: 'no way back from the port', tcp: true, send: { raw: '', responses: 0 }, closes: true }],
    },
    {
      name: 'no filter chain',
      upstreams: TCP,
      listener: `filter_chains: [{filter_chain_match: {prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}, filters: [${says('x')}]}]`,
      cases: [{ name: 'closed', tcp: true, send: { raw: '', responses: 0 }, closes: true }],
    },
    {
      name: 'filter chain by protocol',
      upstreams: TCP,
      listener: `
        listener_filters: [{name: envoy.filters.listener.http_inspector, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}}]
        filter_chains:
        - {name: http, filter_chain_match: {application_protocols: [http/1.1]}, filters: [${says('http')}]}
        - {name: rest, filters: [${says('rest')}]}
      `,
      cases: [
        { name: 'HTTP', tcp: true, send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', responses: 0 }, closes: true },
        { name: 'something else', tcp: true, send: { raw: 'hello there\r\n\r\n', responses: 0 }, closes: true },
      ],
    },
    {
      name: 'filter chain by server name',
      upstreams: TCP,
      listener: `
        listener_filters: [{name: envoy.filters.listener.tls_inspector, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}]
        filter_chains:
        - {name: exact, filter_chain_match: {server_names: [a.test], transport_protocol: tls}, filters: [${says('exact')}]}
        - {name: wild, filter_chain_match: {server_names: ["*.test"]}, filters: [${says('wild')}]}
        - {name: raw, filter_chain_match: {transport_protocol: raw_buffer}, filters: [${says('raw')}]}
        default_filter_chain: {name: default, filters: [${says('default')}]}
      `,
      cases: [
        { name: 'a server name', tcp: true, send: { raw: hello('a.test'), responses: 0 }, closes: true },
        { name: 'a wildcard', tcp: true, send: { raw: hello('B.test'), responses: 0 }, closes: true },
        { name: 'another name', tcp: true, send: { raw: hello('other.example'), responses: 0 }, closes: true },
        { name: 'no TLS', tcp: true, send: { raw: 'plain', responses: 0 }, closes: true },
      ],
    },
    {
      name: 'PROXY protocol',
      upstreams: { a: 'http' },
      listener:
        'listener_filters: [{name: envoy.filters.listener.proxy_protocol, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol}}]',
      hcm: '{use_remote_address: true}',
      logFormat: '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS% %RESPONSE_CODE%',
      cases: [
        { name: 'version 1', send: { raw: 'PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n', method: 'GET' } },
        { name: 'version 1, unknown', send: { raw: 'PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n', method: 'GET' } },
        {
          name: 'version 2',
          send: {
            raw: `\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x04\x57\x08\xaeGET / HTTP/1.1\r\nHost: h\r\n\r\n`,
            method: 'GET',
          },
        },
        { name: 'missing', send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\n\r\n' }, closes: true },
        { name: 'malformed', send: { raw: 'PROXY TCP4 nonsense\r\n\r\n', method: 'GET' }, closes: true },
      ],
    },
  ],
};

/** The shortest ClientHello that names a server (RFC 8446 §4.1.2, RFC 6066 §3). */
function hello(name: string): string {
  const u16 = (n: number) => String.fromCharCode(n >> 8, n & 255);
  const host = `\x00${u16(name.length)}${name}`;
  const list = `${u16(host.length)}${host}`;
  const versions = '\x00\x2b\x00\x03\x02\x03\x04';
  const extensions = `\x00\x00${u16(list.length)}${list}${versions}`;
  const body = `\x03\x03${'r'.repeat(32)}\x00\x00\x02\x13\x01\x01\x00${u16(extensions.length)}${extensions}`;
  const handshake = `\x01\x00${u16(body.length)}${body}`;
  return `\x16\x03\x01${u16(handshake.length)}${handshake}`;
}
