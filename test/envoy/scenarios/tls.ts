import type { Area, Case, Configuration } from '../harness/scenario.ts';
import type { TlsSend } from '../harness/tls-client.ts';
import { chain, chains, downstream, listenerLog, own, REQUIRED, sans, TLS, trusting, upstream } from './tls-parts.ts';

const LOG = [
  '%RESPONSE_CODE% sni=%REQUESTED_SERVER_NAME% %DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% subject=%DOWNSTREAM_PEER_SUBJECT% issuer=%DOWNSTREAM_PEER_ISSUER%',
  'serial=%DOWNSTREAM_PEER_SERIAL% print=%DOWNSTREAM_PEER_FINGERPRINT_256% print1=%DOWNSTREAM_PEER_FINGERPRINT_1% uri=%DOWNSTREAM_PEER_URI_SAN% dns=%DOWNSTREAM_PEER_DNS_SAN%',
  'from=%DOWNSTREAM_PEER_CERT_V_START% to=%DOWNSTREAM_PEER_CERT_V_END% local=%DOWNSTREAM_LOCAL_SUBJECT% localdns=%DOWNSTREAM_LOCAL_DNS_SAN%',
].join(' ');

/** The same client to every chain. */
const toEach = (names: readonly string[], about: string, send: TlsSend): Case => ({
  name: about,
  tls: names.map((serverName) => ({ ...send, serverName })),
});

const MTLS = [
  chain('none.test', own('a')),
  chain('optional.test', `${own('a')}, ${trusting()}`),
  chain('required.test', `${own('a')}, ${trusting()}`, REQUIRED),
  chain('uri.test', `${own('a')}, ${trusting(sans('URI', '{prefix: "spiffe://acme/"}'))}`, REQUIRED),
  chain('dns.test', `${own('a')}, ${trusting(sans('DNS', '{exact: client.test}'))}`, REQUIRED),
  chain('email.test', `${own('a')}, ${trusting(sans('EMAIL', '{suffix: "@other.test"}'))}`, REQUIRED),
  chain('hash.test', `${own('a')}, validation_context: {verify_certificate_hash: ["{{hash-client}}"]}`, REQUIRED),
  chain('spki.test', `${own('a')}, ${trusting(', verify_certificate_spki: ["{{spki-client}}"]')}`, REQUIRED),
  chain('crl.test', `${own('a')}, ${trusting(', crl: {filename: "{{certs}}/crl.pem"}')}`, REQUIRED),
  chain('expired.test', `${own('a')}, ${trusting(', allow_expired_certificate: true')}`, REQUIRED),
  chain('untrusted.test', `${own('a')}, ${trusting(', trust_chain_verification: ACCEPT_UNTRUSTED')}`),
  chain('unverified.test', own('a'), REQUIRED),
  chain('empty.test', `${own('a')}, validation_context: {}`, REQUIRED),
];
const ALL = MTLS.map((text) => /server_names: \[([^\]]+)/.exec(text)![1]!);

const HCM =
  '{forward_client_cert_details: SANITIZE_SET, set_current_client_cert_details: {subject: true, uri: true, dns: true, cert: true}}';

const clientCertificates: Configuration = {
  name: 'client certificates',
  certificates: true,
  // Node does not tell a server which algorithm the client has signed with; of contexts without an authority Envoy tells the end of time.
  ignoreStats: /ssl\.sigalgs\.|unnamed_ca_cert\./,
  hcm: HCM,
  logFormat: LOG,
  listener: chains(...MTLS),
  cases: [
    toEach(ALL, 'none', {}),
    toEach(ALL, 'trusted', { certificate: 'client' }),
    toEach(
      ALL.filter((name) => name !== 'crl.test'),
      'of another authority',
      { certificate: 'stranger-client' },
    ),
    toEach(ALL, 'of other names', { certificate: 'other-client' }),
    toEach(ALL, 'revoked', { certificate: 'revoked' }),
    toEach(ALL, 'expired', { certificate: 'expired' }),
    toEach(['required.test', 'uri.test'], 'TLS 1.2, none', { maxVersion: 'TLSv1.2' }),
    toEach(['required.test', 'uri.test'], 'TLS 1.2, trusted', { maxVersion: 'TLSv1.2', certificate: 'client' }),
    toEach(['required.test', 'crl.test'], 'TLS 1.2, revoked', { maxVersion: 'TLSv1.2', certificate: 'revoked' }),
  ],
};

const agreement: Configuration = {
  name: 'versions, ciphers and names',
  certificates: true,
  logFormat: LOG,
  listener: `{${listenerLog}, filter_chains: [{${downstream(`${own('a', 'b')}, alpn_protocols: [http/1.1]`)}, filters: [{{hcm}}]}]}`,
  cases: [
    { name: 'no name', tls: {} },
    { name: 'exact name', tls: [{ serverName: 'a.test' }, { serverName: 'b.test' }, { serverName: 'B.TEST' }] },
    { name: 'wildcard', tls: [{ serverName: 'x.b.test' }, { serverName: 'x.y.b.test' }] },
    { name: 'unknown name', tls: { serverName: 'unknown.test' } },
    { name: 'TLS 1.2', tls: { serverName: 'a.test', maxVersion: 'TLSv1.2' } },
    { name: 'TLS 1.2, RSA', tls: { serverName: 'b.test', maxVersion: 'TLSv1.2' } },
    { name: 'TLS 1.1', tls: { serverName: 'a.test', minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } },
    { name: 'cipher of the client', tls: { serverName: 'a.test', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' } },
    { name: 'ChaCha', tls: { serverName: 'a.test', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' } },
    { name: 'a cipher of no use', tls: { serverName: 'a.test', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' } },
    { name: 'only RSA', tls: { serverName: 'a.test', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' } },
    { name: 'P-256', tls: { serverName: 'a.test', curves: 'P-256' } },
    { name: 'P-384', tls: { serverName: 'a.test', curves: 'P-384' } },
    { name: 'ALPN', tls: [{ alpn: ['h2', 'http/1.1'] }, { alpn: ['http/1.1'] }] },
    { name: 'no TLS', send: 'GET /', closes: true },
    { name: 'certificates', admin: 'GET /certs' },
  ],
};

const restricted: Configuration = {
  name: 'restricted',
  certificates: true,
  logFormat: LOG,
  listener: chains(
    chain('old.test', `${own('a')}, tls_params: {tls_maximum_protocol_version: TLSv1_2, cipher_suites: [ECDHE-ECDSA-AES256-GCM-SHA384]}`),
    chain('new.test', `${own('a')}, tls_params: {tls_minimum_protocol_version: TLSv1_3}`),
    chain('curve.test', `${own('a')}, tls_params: {ecdh_curves: [P-256]}`),
    chain('sni.test', own('a'), ', require_sni: true'),
    chain('tickets.test', own('a'), ', disable_stateless_session_resumption: true'),
  ),
  cases: [
    { name: 'old', tls: [{ serverName: 'old.test' }, { serverName: 'old.test', minVersion: 'TLSv1.3' }] },
    { name: 'old, other cipher', tls: { serverName: 'old.test', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } },
    { name: 'new', tls: [{ serverName: 'new.test' }, { serverName: 'new.test', maxVersion: 'TLSv1.2' }] },
    { name: 'curve', tls: [{ serverName: 'curve.test' }, { serverName: 'curve.test', curves: 'X25519' }] },
    { name: 'no tickets', tls: { serverName: 'tickets.test' } },
    { name: 'no chain', tls: [{ serverName: 'nobody.test' }, {}] },
  ],
};

const spiffe = (domain: string) =>
  `validation_context: {custom_validator_config: {name: envoy.tls.cert_validator.spiffe, typed_config: {"@type": ${TLS}.SPIFFECertValidatorConfig, trust_domains: [{name: ${domain}, trust_bundle: {filename: "{{certs}}/ca.pem"}}]}}}`;

const chainRules: Configuration = {
  name: 'trust domains and depths',
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  listener: chains(
    chain('spiffe.test', `${own('a')}, ${spiffe('acme')}`, REQUIRED),
    chain('spiffe-other.test', `${own('a')}, ${spiffe('other')}`, REQUIRED),
    chain('depth-0.test', `${own('a')}, ${trusting(', max_verify_depth: 0')}`, REQUIRED),
    chain('depth-1.test', `${own('a')}, ${trusting(', max_verify_depth: 1')}`, REQUIRED),
  ),
  cases: [
    { name: 'of the trust domain', tls: { serverName: 'spiffe.test', certificate: 'svid' } },
    { name: 'one that might be an authority', tls: { serverName: 'spiffe.test', certificate: 'client' } },
    { name: 'of another trust domain', tls: { serverName: 'spiffe-other.test', certificate: 'svid' } },
    { name: 'of no trust domain', tls: { serverName: 'spiffe.test', certificate: 'a' } },
    { name: 'of the trust domain, it says', tls: { serverName: 'spiffe.test', certificate: 'stranger-svid' } },
    { name: 'none', tls: { serverName: 'spiffe.test' } },
    { name: 'no certificate between', tls: { serverName: 'depth-0.test', certificate: 'client' } },
    { name: 'one certificate between allowed', tls: { serverName: 'depth-1.test', certificate: 'client' } },
  ],
};

const unfinished: Configuration = {
  name: 'handshakes that do not end',
  certificates: true,
  logFormat: LOG,
  listener: `{${listenerLog}, filter_chains: [{transport_socket_connect_timeout: 0.2s, ${downstream(own('a'))}, filters: [{{hcm}}]}]}`,
  cases: [
    { name: 'silence', send: { raw: '\x16', responses: 0 }, closes: true },
    { name: 'a client that goes', send: { raw: '\x16\x03\x01', responses: 0, afterwards: 'half-close' }, closes: true },
    { name: 'a client that has nothing to say', send: { raw: '', responses: 0, afterwards: 'half-close' }, closes: true },
    { name: 'in time', tls: { serverName: 'a.test' } },
  ],
};

const UNVERIFIED =
  'failure=TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_X509_verify_cert:_certificate_verification_error_at_depth_0:_';

/** What Node's interface to OpenSSL forces. */
const different: Configuration = {
  name: 'what OpenSSL does otherwise',
  certificates: true,
  listener: chains(
    chain('alpn.test', `${own('a')}, alpn_protocols: [http/1.1]`),
    chain('crl.test', `${own('a')}, ${trusting(', crl: {filename: "{{certs}}/crl.pem"}')}`, REQUIRED),
  ),
  ignoreStats: /./,
  logDiffers: {
    reason: 'see the cases; and of a chain with several faults OpenSSL tells the last one, BoringSSL the first',
    changes: [
      '- GET / HTTP/1.1 200 flags=- details=via_upstream in=0 out=2 cluster=a host=127.0.0.1:{a} route=- attempts=1 upstream-failure=- ended=-',
      '- connection sni=alpn.test flags=- version=TLSv1.3 failure=- ended=-',
      '+ connection sni=alpn.test flags=- version=TLSv1.3 failure=TLS_error:|268435456:SSL_routines:OPENSSL_internal:NO_APPLICATION_PROTOCOL:TLS_error_end ended=-',
      `- connection sni=crl.test flags=- version=TLSv1.3 ${UNVERIFIED}unable_to_get_local_issuer_certificate:TLS_error_end ended=-`,
      `+ connection sni=crl.test flags=- version=TLSv1.3 ${UNVERIFIED}certificate_revocation_check_against_provided_CRLs_failed:_unable_to_get_certificate_CRL:TLS_error_end ended=-`,
    ],
  },
  cases: [
    {
      name: 'ALPN of no use',
      tls: { serverName: 'alpn.test', alpn: ['h3'] },
      differs: {
        reason: 'Node ends the handshake with no_application_protocol, as RFC 7301 §3.2 wants it; Envoy goes on without ALPN',
        changes: [
          '- TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768 alpn=- server=a trusted',
          '- HTTP/1.1 200 OK',
          '- content-length: 2',
          '- x-envoy-upstream-service-time: {ms}',
          '- date: {date}',
          '- server: envoy',
          '- connection: close',
          '- ',
          '- a',
          '- ',
          '- <- a #1',
          '- GET / HTTP/1.1',
          '- host: a.test',
          '- x-forwarded-proto: https',
          '- x-request-id: {uuid 4}',
          '- x-envoy-expected-rq-timeout-ms: 15000',
          '+ [refused] ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
        ],
      },
    },
    {
      name: 'equal preference',
      sClient: [['-servername', 'alpn.test', ...'-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256'.split(' ')]],
      differs: {
        reason: 'OpenSSL knows no ciphers of equal preference, among which the client chooses',
        changes: ['- New, TLSv1.2, Cipher is ECDHE-ECDSA-CHACHA20-POLY1305', '+ New, TLSv1.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256'],
      },
    },
    {
      name: 'alert',
      tls: { serverName: 'crl.test', certificate: 'stranger-client', alert: true },
      differs: {
        reason: 'Node judges a certificate when the handshake is over, and sends no alert then: the connection is closed',
        changes: ['- [refused] ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', '+ [refused] closed'],
      },
    },
  ],
};

const cluster = (name: string, port: string, socket: string, more = '') =>
  `{name: ${name}, connect_timeout: 1s, ${socket}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {hostname: host.test, address: {socket_address: {address: 127.0.0.1, port_value: "{{${port}}}"}}}}]}]}${more}}`;
const httpOptions = (fields: string) =>
  `, typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {}}, upstream_http_protocol_options: {${fields}}}}`;

const CLUSTERS = [
  cluster('good', 'plain', upstream(trusting(sans('DNS', '{exact: a.test}')), ', sni: a.test')),
  cluster('unverified', 'old', upstream('')),
  cluster('wrong-name', 'plain', upstream(trusting(sans('DNS', '{exact: other.test}')))),
  cluster('wrong-authority', 'plain', upstream(trusting('', 'stranger'))),
  cluster('expired', 'over', upstream(trusting())),
  cluster('expired-allowed', 'over', upstream(trusting(', allow_expired_certificate: true'))),
  cluster('revoked', 'gone', upstream(trusting(', crl: {filename: "{{certs}}/crl.pem"}'))),
  cluster('pinned', 'plain', upstream(`validation_context: {verify_certificate_hash: ["{{hash-client}}"]}`)),
  cluster('mutual', 'strict', upstream(`${own('client')}, ${trusting()}`)),
  cluster('anonymous', 'strict', upstream(trusting())),
  cluster('no-tls', 'hc', upstream(trusting())),
  cluster('modern', 'new', upstream(`tls_params: {tls_maximum_protocol_version: TLSv1_3}, alpn_protocols: [http/1.1]`)),
  cluster('too-old', 'new', upstream('')),
  cluster('host-sni', 'named', upstream('', ', auto_host_sni: true')),
  cluster('auto-sni', 'named', upstream(trusting()), httpOptions('auto_sni: true')),
  cluster('auto-san', 'named', upstream(trusting()), httpOptions('auto_sni: true, auto_san_validation: true')),
  cluster('header-sni', 'named', upstream(trusting()), httpOptions('auto_sni: true, override_auto_sni_header: x-name')),
];
const PATHS = CLUSTERS.map((text) => /name: ([^,]+)/.exec(text)![1]!);

const towardsUpstreams: Configuration = {
  name: 'upstreams',
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|unnamed_ca_cert\./,
  tlsUpstreams: {
    plain: { certificate: 'a', to: 'a', client: 'ask' },
    old: { certificate: 'b', to: 'a', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' },
    over: { certificate: 'expired', to: 'a' },
    gone: { certificate: 'revoked', to: 'a' },
    strict: { certificate: 'a', to: 'a', client: 'require' },
    new: { certificate: 'a', to: 'a', minVersion: 'TLSv1.3', alpn: ['http/1.1'] },
    named: { certificate: 'b', to: 'a' },
  },
  routes: `[${PATHS.map((name) => `{match: {path: /${name}}, route: {cluster: ${name}}}`).join(', ')}]`,
  clusters: `[${CLUSTERS.join(', ')}]`,
  logFormat:
    '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %UPSTREAM_TLS_VERSION% %UPSTREAM_TLS_CIPHER% subject=%UPSTREAM_PEER_SUBJECT% issuer=%UPSTREAM_PEER_ISSUER% cert=%UPSTREAM_PEER_CERT% dns=%UPSTREAM_PEER_DNS_SAN%',
  cases: [
    ...PATHS.filter((name) => !/^(auto|header)/.test(name)).map((name): Case => ({ name, send: `GET /${name}` })),
    {
      name: 'auto_sni',
      send: [
        { path: '/auto-sni', host: 'one.b.test' },
        { path: '/auto-sni', host: 'two.test:8443' },
        { path: '/auto-sni', host: 'one.b.test' },
      ],
    },
    { name: 'auto_sni of an address', send: { path: '/auto-sni', host: '127.0.0.1:80' } },
    {
      name: 'auto_san_validation',
      send: [
        { path: '/auto-san', host: 'one.b.test' },
        { path: '/auto-san', host: 'a.test' },
        { path: '/auto-san', host: 'b.test:99' },
        { path: '/auto-san', host: '127.0.0.1' },
      ],
    },
    {
      name: 'override_auto_sni_header',
      send: [
        { path: '/header-sni', headers: [['x-name', 'x.b.test']] },
        { path: '/header-sni', host: 'y.b.test' },
      ],
    },
  ],
};

/** Who is trusted, what is agreed on, and what is told of it. */
export const tls: Area = {
  name: 'tls',
  configurations: [clientCertificates, agreement, restricted, chainRules, unfinished, different, towardsUpstreams],
};
