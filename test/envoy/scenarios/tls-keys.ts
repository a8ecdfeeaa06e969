import type { Area, Configuration } from '../harness/scenario.ts';
import type { CertificateName } from '../harness/tls-fixture.ts';
import type { TlsUpstreamKind } from '../harness/tls-upstream.ts';
import { chain, chains, own, trusting, upstream } from './tls-parts.ts';

const CERTIFICATES: readonly CertificateName[] = ['a', 'a-rsa', 'rsa-encipher', 'rsa-sign', 'ec-agree', 'ec-sign'];
/** Elliptic curves sign, the oldest ciphers encrypt with the certificate's key. */
const KINDS: Readonly<Record<string, Partial<TlsUpstreamKind>>> = {
  new: { minVersion: 'TLSv1.3' },
  old: { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256' },
  oldest: { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
};
const servers: Record<string, TlsUpstreamKind> = {};
// A key that may not sign has no use for elliptic curves with TLS 1.2: OpenSSL's server does not even try.
for (const certificate of CERTIFICATES)
  for (const [kind, more] of Object.entries(KINDS))
    if ((kind !== 'oldest' || certificate.includes('rsa')) && `${certificate}-${kind}` !== 'ec-agree-old')
      servers[`${certificate}-${kind}`] = { certificate, to: 'a', ...more };

/** It makes no difference. */
const MODES: Readonly<Record<string, string>> = {
  default: '',
  enforced: ', enforce_rsa_key_usage: true',
  not: ', enforce_rsa_key_usage: false',
};
const PARAMETERS =
  'tls_params: {tls_maximum_protocol_version: TLSv1_3, cipher_suites: [ECDHE-RSA-AES128-GCM-SHA256, ECDHE-ECDSA-AES128-GCM-SHA256, AES128-GCM-SHA256]}';
const cluster = (server: string, mode: string) =>
  `{name: ${server}-${mode}, connect_timeout: 1s, ${upstream(`${trusting()}, ${PARAMETERS}`, MODES[mode])}, load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{${server}}}"}}}}]}]}}`;
const all = Object.keys(servers).flatMap((server) =>
  Object.keys(MODES)
    .filter((mode) => mode === 'default' || server === 'rsa-encipher-old')
    .map((mode) => [server, mode] as const),
);

const upstreams: Configuration = {
  name: "keys of servers' certificates",
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  tlsUpstreams: servers,
  logFormat: '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%',
  clusters: `[${all.map(([server, mode]) => cluster(server, mode)).join(', ')}]`,
  routes: `[${all.map(([server, mode]) => `{match: {path: /${server}-${mode}}, route: {cluster: ${server}-${mode}}}`).join(', ')}]`,
  cases: all.map(([server, mode]) => ({ name: `${server}, ${mode}`, send: `GET /${server}-${mode}` })),
};

const ALERTS: Readonly<Record<string, readonly string[]>> = {
  'rsa-encipher': ['ILLEGAL_PARAMETER', 'UNSUPPORTED_CERTIFICATE'],
  'ec-agree': ['ILLEGAL_PARAMETER'],
};

const clients: Configuration = {
  name: "keys of clients' certificates",
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  listener: chains(chain('a.test', `${own('a')}, ${trusting()}`)),
  cases: CERTIFICATES.map((certificate) => ({
    name: certificate,
    tls: [
      { serverName: 'a.test', certificate },
      { serverName: 'a.test', certificate, maxVersion: 'TLSv1.2' },
    ],
    ...(ALERTS[certificate] === undefined
      ? {}
      : {
          differs: {
            reason: 'Node judges when the handshake is over, and cannot send alerts',
            changes: ALERTS[certificate].flatMap((alert) => [`- [refused] ERR_SSL_SSL/TLS_ALERT_${alert}`, '+ [refused] closed']),
          },
        }),
  })),
};

/** What a certificate says that its key is for. */
export const tlsKeys: Area = { name: 'tls-keys', configurations: [upstreams, clients] };
