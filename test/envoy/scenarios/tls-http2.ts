import type { Area, Case, Configuration } from '../harness/scenario.ts';
import { chain, chains, own, REQUIRED, sans, trusting, upstream } from './tls-parts.ts';

const HCM =
  '{forward_client_cert_details: SANITIZE_SET, set_current_client_cert_details: {subject: true, uri: true, dns: true}, http_protocol_options: {enable_trailers: true}}';
const LOG =
  '%PROTOCOL% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% sni=%REQUESTED_SERVER_NAME% %DOWNSTREAM_TLS_VERSION% peer=%DOWNSTREAM_PEER_URI_SAN%';
const WITHOUT = /ssl\.sigalgs\.|ssl\.certificate\./;
const GRPC = { ':method': 'POST', ':path': '/pkg.Service/Method', 'content-type': 'application/grpc', te: 'trailers' };
const MESSAGE = '\0\0\0\0\x02hi';
const GRPC_REPLY = { headers: { 'content-type': 'application/grpc' }, body: MESSAGE, trailers: { 'grpc-status': '0' } };

const BOTH = 'alpn_protocols: [h2, http/1.1]';
const downstream: Configuration = {
  name: 'towards clients',
  certificates: true,
  ignoreStats: WITHOUT,
  hcm: HCM,
  logFormat: LOG,
  listener: chains(
    chain('both.test', `${own('a')}, ${BOTH}`),
    chain('old.test', `${own('a')}, alpn_protocols: [http/1.1]`),
    chain('silent.test', own('a')),
    chain('mutual.test', `${own('a')}, ${trusting()}, ${BOTH}`, REQUIRED),
    chain('san.test', `${own('a')}, ${trusting(sans('URI', '{exact: "spiffe://acme/client"}'))}, ${BOTH}`),
  ),
  cases: [
    {
      name: 'HTTP/2',
      http2: { tls: { serverName: 'both.test' }, requests: [{ headers: {} }, { headers: { ':method': 'POST' }, body: 'hello' }] },
    },
    {
      name: 'with trailers',
      http2: { tls: { serverName: 'both.test' }, requests: [{ headers: { ':method': 'POST' }, body: 'hello', trailers: { 'x-t': '1' } }] },
    },
    { name: 'HTTP/1 where both are offered', tls: [{ serverName: 'both.test', alpn: ['http/1.1'] }, { serverName: 'both.test' }] },
    { name: 'nothing is offered', tls: { serverName: 'silent.test', alpn: ['h2', 'http/1.1'] } },
    { name: 'only HTTP/1 is offered', tls: { serverName: 'old.test', alpn: ['h2', 'http/1.1'] } },
    {
      name: 'mutual',
      http2: { tls: { serverName: 'mutual.test', certificate: 'client' }, requests: [{ headers: { 'x-forwarded-client-cert': 'By=me' } }] },
    },
    {
      name: 'an authority that is not that of the connection',
      http2: { tls: { serverName: 'both.test' }, requests: [{ headers: { ':authority': 'other.test' } }] },
    },
    { name: 'named', http2: { tls: { serverName: 'san.test', certificate: 'client' }, requests: [{ headers: {} }] } },
  ],
};

const h2 = (more = '') =>
  `typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, ${more}}}`;
const EXPLICIT = 'explicit_http_config: {http2_protocol_options: {}}';
const AUTO = 'auto_config: {http2_protocol_options: {}, http_protocol_options: {}}';
const cluster = (name: string, port: string, socket: string, options: string) =>
  `{name: ${name}, connect_timeout: 1s, ${socket}, ${options}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{${port}}}"}}}}]}]}}`;
const CLUSTERS = [
  cluster('explicit', 'two', upstream(trusting(), ', sni: a.test'), h2(EXPLICIT)),
  cluster('named', 'two', upstream(`${trusting()}, alpn_protocols: [h2]`, ', sni: a.test'), h2(EXPLICIT)),
  cluster('auto', 'two', upstream(trusting()), h2(AUTO)),
  cluster('auto-old', 'one', upstream(trusting()), h2(AUTO)),
  cluster('auto-none', 'none', upstream(trusting()), h2(AUTO)),
  cluster(
    'auto-san',
    'wild',
    upstream(trusting()),
    h2(`${EXPLICIT}, upstream_http_protocol_options: {auto_sni: true, auto_san_validation: true}`),
  ),
  cluster('wrong-name', 'two', upstream(trusting(sans('DNS', '{exact: other.test}'))), h2(EXPLICIT)),
  cluster('expired', 'over', upstream(trusting()), h2(EXPLICIT)),
  cluster('mutual', 'strict', upstream(`${own('client')}, ${trusting()}`), h2(EXPLICIT)),
  cluster('anonymous', 'strict', upstream(trusting()), h2(EXPLICIT)),
];
const NAMES = CLUSTERS.map((text) => /name: ([^,]+)/.exec(text)![1]!);

const upstreams: Configuration = {
  name: 'towards upstreams',
  certificates: true,
  ignoreStats: WITHOUT,
  upstreams: { a: 'http', h: 'http2' },
  tlsUpstreams: {
    two: { certificate: 'a', to: 'h', alpn: ['h2'] },
    one: { certificate: 'a', to: 'a', alpn: ['http/1.1'] },
    none: { certificate: 'a', to: 'a' },
    wild: { certificate: 'b', to: 'h', alpn: ['h2'] },
    over: { certificate: 'expired', to: 'h', alpn: ['h2'] },
    strict: { certificate: 'a', to: 'h', alpn: ['h2'], client: 'require' },
  },
  hcm: '{http2_protocol_options: {}}',
  routes: `[${NAMES.map((name) => `{match: {prefix: /${name}}, route: {cluster: ${name}, prefix_rewrite: /}}`).join(', ')}, {match: {prefix: /pkg.Service}, route: {cluster: explicit}}]`,
  clusters: `[${CLUSTERS.join(', ')}]`,
  logFormat:
    '%REQ(:PATH)% %RESPONSE_CODE% %GRPC_STATUS% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %UPSTREAM_PROTOCOL% %UPSTREAM_TLS_VERSION% %UPSTREAM_PEER_SUBJECT%',
  cases: [
    ...NAMES.filter((name) => name !== 'auto-san').map((name): Case => ({ name, send: [`GET /${name}/1`, `GET /${name}/2`] })),
    {
      name: 'auto_sni and auto_san_validation',
      send: ['one.b.test', 'two.b.test', 'one.b.test', 'a.test'].map((host) => ({ path: '/auto-san', host })),
    },
    { name: 'gRPC', http2: { requests: [{ headers: GRPC, body: MESSAGE }] }, http2Upstream: { h: [GRPC_REPLY] } },
    { name: 'gRPC to a stranger', http2: { requests: [{ headers: { ...GRPC, ':path': '/wrong-name/x' }, body: MESSAGE }] } },
  ],
};

/** Which HTTP is spoken over TLS, and what becomes of it. */
export const tlsHttp2: Area = { name: 'tls-http2', configurations: [downstream, upstreams] };
