import type { Area, Case } from '../harness/scenario.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const socket = (common: string, more = '') =>
  `{name: tls, typed_config: {"@type": ${TLS}.UpstreamTlsContext, common_tls_context: {${common}}${more}}}`;
const own = 'tls_certificates: [{certificate_chain: {filename: "{{certs}}/client.pem"}, private_key: {filename: "{{certs}}/client.key"}}]';
const trusting = (authority: string) => `validation_context: {trusted_ca: {filename: "{{certs}}/${authority}.pem"}}`;
const check = (what: string, more = '') =>
  `health_checks: [{timeout: 5s, interval: 60s, unhealthy_threshold: 2, healthy_threshold: 2${more}, ${what}}]`;
const http = (more = '', outer = '') => check(`http_health_check: {path: /200${more}}`, outer);
const HTTP2 =
  ', typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}';

/** A cluster whose one host is checked at a TLS server before the check server. */
const cluster = (name: string, server: string, checks: string, transport: string, more = '', endpoint = '') =>
  `- {name: ${name}, ${checks}, ${transport}${more}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${server}}}}}}${endpoint}}]}]}}`;
const by = (text: string) => `transport_socket: ${text}`;

const flags = (of: string): Case => ({ name: `${of}: flags`, admin: 'GET /clusters', adminLines: new RegExp(`^${of}::.*health_flags`) });
const stats = (of: string): Case => ({
  name: `${of}: statistics`,
  admin: 'GET /stats',
  adminLines: new RegExp(`^cluster\\.${of}\\.(health_check|membership_|ssl\\.(connection_error|fail|handshake|no_cert))`),
});

/** Two sockets, of which only the first is trusted by the server. */
const MATCHES = `transport_socket_matches: [{name: mutual, match: {kind: mutual}, transport_socket: ${socket(`${own}, ${trusting('ca')}`)}}, {name: anonymous, match: {kind: anonymous}, transport_socket: ${socket(trusting('ca'))}}]`;
const criteria = (kind: string) => `, transport_socket_match_criteria: {kind: ${kind}}`;
const metadata = (kind: string) => `, metadata: {filter_metadata: {envoy.transport_socket_match: {kind: ${kind}}}}`;
const alpn = (...names: readonly string[]) => `, tls_options: {alpn_protocols: [${names.join(', ')}]}`;

const clusters: readonly (readonly [string, string])[] = [
  ['http', cluster('http', 'plain', http(', host: a.test'), by(socket(trusting('ca'), ', sni: a.test')))],
  ['plaintext', cluster('plaintext', 'plain', http(), 'connect_timeout: 1s')],
  ['untrusted', cluster('untrusted', 'plain', http(), by(socket(trusting('stranger'))))],
  ['mutual', cluster('mutual', 'strict', http(), by(socket(`${own}, ${trusting('ca')}`)))],
  [
    'anonymous',
    cluster('anonymous', 'strict', http(), by(socket(`tls_params: {tls_maximum_protocol_version: TLSv1_2}, ${trusting('ca')}`))),
  ],
  ['http2', cluster('http2', 'plain', http('/x-h2-tls, codec_client_type: HTTP2'), by(socket(trusting('ca'))))],
  ['grpc', cluster('grpc', 'plain', check('grpc_health_check: {service_name: svc}'), by(socket(trusting('ca'))), HTTP2)],
  ['connects', cluster('connects', 'plain', check('tcp_health_check: {}'), by(socket(trusting('ca'))))],
  [
    'answers',
    cluster(
      'answers',
      'plain',
      check('tcp_health_check: {send: {text: "616263"}, receive: [{text: "414243"}]}'),
      by(socket(trusting('ca'))),
    ),
  ],
  ['matched', cluster('matched', 'strict', http(), MATCHES, '', metadata('mutual'))],
  ['criteria', cluster('criteria', 'strict', http('', criteria('mutual')), MATCHES, '', metadata('anonymous'))],
  ['unmatched', cluster('unmatched', 'strict', http('', criteria('none')), MATCHES, '', metadata('mutual'))],
  ['named', cluster('named', 'picky', http('', alpn('checks')), by(socket(`alpn_protocols: [other], ${trusting('ca')}`)))],
  ['misnamed', cluster('misnamed', 'picky', http('', alpn('other')), by(socket(`alpn_protocols: [checks], ${trusting('ca')}`)))],
  ['configured', cluster('configured', 'picky', http(), by(socket(`alpn_protocols: [checks], ${trusting('ca')}`)))],
];

/** Active health checks of clusters that speak TLS with their hosts. */
export const healthTls: Area = {
  name: 'health-tls',
  configurations: [
    {
      name: 'checks over TLS',
      certificates: true,
      tlsUpstreams: {
        plain: { certificate: 'a', to: 'hc' },
        strict: { certificate: 'a', to: 'hc', client: 'require' },
        picky: { certificate: 'a', to: 'hc', alpn: ['checks'] },
      },
      clusters: clusters.map(([, yaml]) => yaml).join('\n'),
      ignoreStats: /\.http2\.|\.nghttp2_|ssl\.sigalgs\.|unnamed_ca_cert\./,
      cases: [
        ...clusters.flatMap(([name]) => [flags(name), stats(name)]),
        { name: 'the check over HTTP/2', shows: '/200/x-h2-tls' },
        { name: 'the check over gRPC', shows: 'svc' },
      ],
    },
  ],
};
