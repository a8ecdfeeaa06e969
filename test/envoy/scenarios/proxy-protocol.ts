import { type Area, reply } from '../harness/scenario.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const RAW = `{name: raw, typed_config: {"@type": ${TYPE}.transport_sockets.raw_buffer.v3.RawBuffer}}`;
const socket = (config: string, inner = RAW) =>
  `transport_socket: {name: envoy.transport_sockets.upstream_proxy_protocol, typed_config: {"@type": ${TYPE}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport, config: {${config}}, transport_socket: ${inner}}}`;
const TCP = `[{name: tcp, typed_config: {"@type": ${TYPE}.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: a}}]`;
const reader = (more = '') =>
  `listener_filters: [{name: pp, typed_config: {"@type": ${TYPE}.filters.listener.proxy_protocol.v3.ProxyProtocol, allow_requests_without_proxy_protocol: true${more}}}]`;
const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const OK = reply({ body: 'ok' });

const HOST_TLVS =
  'typed_filter_metadata: {envoy.transport_sockets.proxy_protocol: {"@type": type.googleapis.com/envoy.config.core.v3.PerHostConfig, added_tlvs: [{type: 238, value: b3duZWQ=}, {type: 240, value: aG9zdA==}]}}';
const host = (name: string, metadata: string) =>
  `load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{${name}}}"}}}, metadata: {${metadata}}}]}]}`;
const apart = () =>
  socket('version: V2, pass_through_tlvs: {match_type: INCLUDE_ALL}').replace(
    ', transport_socket: ',
    ', tlv_as_pool_key: true, transport_socket: ',
  );

/** A version 2 header for TCP over IPv4, from 1.2.3.4:1000 to 5.6.7.8:2000, with these TLVs. */
function v2(...tlvs: readonly (readonly [number, string])[]): string {
  const rest = tlvs.map(([type, value]) => String.fromCharCode(type, value.length >> 8, value.length & 255) + value).join('');
  const length = 12 + rest.length;
  return `\r\n\r\n\0\r\nQUIT\n\x21\x11${String.fromCharCode(length >> 8, length & 255)}\x01\x02\x03\x04\x05\x06\x07\x08\x03\xe8\x07\xd0${rest}`;
}

/** The PROXY protocol towards upstreams, with and without its header from clients. */
export const proxyProtocol: Area = {
  name: 'proxy-protocol',
  configurations: [
    {
      name: 'version 1, HTTP',
      cluster: { a: socket('version: V1') },
      listener: `{${reader()}}`,
      cases: [
        { name: 'two requests of one client', send: ['GET /1', 'GET /2'], upstream: { a: [OK, OK] } },
        { name: 'another client', send: 'GET /', upstream: { a: [OK] } },
        {
          name: 'addresses that the client was announced with',
          send: { raw: `PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n${GET}` },
          upstream: { a: [OK] },
        },
        { name: 'the same again', send: { raw: `PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n${GET}` }, upstream: { a: [OK] } },
        { name: 'IPv6', send: { raw: `PROXY TCP6 2001:db8::1 2001:db8::2 1000 2000\r\n${GET}` }, upstream: { a: [OK] } },
        { name: 'IPv6, unknown', send: { raw: `PROXY UNKNOWN\r\n${GET}` }, upstream: { a: [OK] } },
      ],
    },
    {
      name: 'version 1, HTTP, forwarded for',
      cluster: { a: socket('') },
      hcm: '{use_remote_address: false}',
      cases: [{ name: 'x-forwarded-for', send: { path: '/', headers: [['x-forwarded-for', '9.9.9.9']] }, upstream: { a: [OK] } }],
    },
    {
      name: 'version 1, TCP',
      upstreams: { a: 'tcp' },
      cluster: { a: socket('version: V1') },
      listener: `{${reader()}}`,
      networkFilters: TCP,
      cases: [
        { name: 'plain', tcp: true, send: { raw: 'hello', payload: 49 } },
        { name: 'announced', tcp: true, send: { raw: 'PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\nhello', payload: 43 } },
        { name: 'announced, IPv6', tcp: true, send: { raw: 'PROXY TCP6 2001:db8::1 2001:db8::2 1000 2000\r\nhello', payload: 51 } },
      ],
    },
    {
      name: 'version 2, TCP',
      upstreams: { a: 'tcp' },
      cluster: { a: socket('version: V2') },
      listener: `{${reader()}}`,
      networkFilters: TCP,
      cases: [
        { name: 'announced', tcp: true, send: { raw: `${v2()}hello`, payload: 33 } },
        { name: 'announced, with values', tcp: true, send: { raw: `${v2([2, 'a.test'], [0xe0, 'x'])}hello`, payload: 33 } },
      ],
    },
    {
      name: 'version 2, TCP, values pass',
      upstreams: { a: 'tcp', b: 'tcp' },
      cluster: { a: socket('version: V2, pass_through_tlvs: {match_type: INCLUDE, tlv_type: [2, 224]}') },
      listener: `{${reader(', pass_through_tlvs: {match_type: INCLUDE_ALL}')}}`,
      networkFilters: TCP,
      cases: [{ name: 'those that are named', tcp: true, send: { raw: `${v2([2, 'a.test'], [3, 'no'], [0xe0, 'x'])}hello`, payload: 46 } }],
    },
    {
      name: 'version 2, TCP, all values pass',
      upstreams: { a: 'tcp', b: 'tcp' },
      cluster: { a: socket('version: V2, pass_through_tlvs: {match_type: INCLUDE_ALL}') },
      listener: `{${reader(', pass_through_tlvs: {match_type: INCLUDE, tlv_type: [3, 2]}')}}`,
      networkFilters: TCP,
      cases: [
        {
          name: 'those that the listener lets pass',
          tcp: true,
          send: { raw: `${v2([2, 'a.test'], [3, 'no'], [0xe0, 'x'])}hello`, payload: 47 },
        },
      ],
    },
    {
      name: 'version 2, TCP, added values',
      upstreams: { a: 'tcp', b: 'tcp' },
      cluster: {
        a: socket(
          'version: V2, pass_through_tlvs: {match_type: INCLUDE_ALL}, added_tlvs: [{type: 238, value: Zmlyc3Q=}, {type: 3, value: bWluZQ==}]',
        ),
      },
      listener: `{${reader(', pass_through_tlvs: {match_type: INCLUDE_ALL}')}}`,
      networkFilters: TCP,
      cases: [
        { name: 'beside those that pass', tcp: true, send: { raw: `${v2([2, 'a.test'], [3, 'no'])}hello`, payload: 57 } },
        { name: 'alone', tcp: true, send: { raw: `${v2()}hello`, payload: 48 } },
      ],
    },
    {
      name: 'version 2, TCP, values added for a host',
      upstreams: { a: 'tcp', b: 'tcp' },
      cluster: {
        a: `{${socket('version: V2, added_tlvs: [{type: 238, value: Zmlyc3Q=}, {type: 239, value: bWluZQ==}]')}, ${host('a', HOST_TLVS)}}`,
      },
      listener: `{${reader()}}`,
      networkFilters: TCP,
      cases: [{ name: 'instead of those of their type', tcp: true, send: { raw: `${v2()}hello`, payload: 57 } }],
    },
    {
      name: 'version 2, HTTP, connections apart by values',
      cluster: { a: apart() },
      listener: `{${reader(', pass_through_tlvs: {match_type: INCLUDE_ALL}')}}`,
      cases: ['one', 'one', 'two'].map((value, i) => ({
        name: `${value} (${i})`,
        send: { raw: `${v2([2, value])}${GET}` },
        upstream: { a: [OK] },
      })),
    },
    {
      name: 'only some hosts',
      cluster: {
        a: `{transport_socket_matches: [{name: told, match: {told: true}, ${socket('version: V1')}}, {name: not, match: {}, transport_socket: ${RAW}}], ${host('a', 'filter_metadata: {envoy.transport_socket_match: {told: true}}')}}`,
        b: `{transport_socket_matches: [{name: told, match: {told: true}, ${socket('version: V1')}}, {name: not, match: {}, transport_socket: ${RAW}}]}`,
      },
      listener: `{${reader()}}`,
      routes: '[{match: {path: /a}, route: {cluster: a}}, {match: {path: /b}, route: {cluster: b}}]',
      cases: ['a', 'b'].flatMap((name) =>
        ['1.2.3.4', '1.2.3.5'].map((ip) => ({
          name: `${name} for ${ip}`,
          send: { raw: `PROXY TCP4 ${ip} 5.6.7.8 1000 2000\r\nGET /${name} HTTP/1.1\r\nHost: h\r\n\r\n` },
          upstream: { [name]: [OK] },
        })),
      ),
    },
    {
      name: 'values in the log',
      listener: `{${reader(', rules: [{tlv_type: 2, on_tlv_present: {key: text}}, {tlv_type: 2, on_tlv_present: {key: bytes, value_string_encoding: BASE64}}, {tlv_type: 3, on_tlv_present: {key: clean, value_string_encoding: SANITIZED_UTF8}}]')}}`,
      logFormat: '%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%',
      cases: [{ name: 'as text, and as bytes', send: { raw: `${v2([2, 'a.\xff'], [3, 'b\xfe'])}${GET}` }, upstream: { a: [OK] } }],
    },
  ],
};
