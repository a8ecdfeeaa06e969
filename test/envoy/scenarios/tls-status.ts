import type { Area, Case, Configuration } from '../harness/scenario.ts';
import type { TlsSend } from '../harness/tls-client.ts';
import { chain, chains, downstream, INSPECTOR, listenerLog, own, upstream } from './tls-parts.ts';

/** A certificate with an OCSP response. */
const stapled = (name: string, response = name) =>
  `{certificate_chain: {filename: "{{certs}}/${name}.pem"}, private_key: {filename: "{{certs}}/${name}.key"}, ocsp_staple: {filename: "{{certs}}/${response}.ocsp"}}`;
const plainly = (name: string) =>
  `{certificate_chain: {filename: "{{certs}}/${name}.pem"}, private_key: {filename: "{{certs}}/${name}.key"}}`;
const certificates = (...list: readonly string[]) => `tls_certificates: [${list.join(', ')}]`;
const STRICT = ', ocsp_staple_policy: STRICT_STAPLING';
const MUST = ', ocsp_staple_policy: MUST_STAPLE';

const CHAINS = [
  chain('lenient.test', certificates(stapled('a'))),
  chain('lenient-over.test', certificates(stapled('a', 'a-over'))),
  chain('lenient-none.test', own('a')),
  chain('strict.test', certificates(stapled('a')), STRICT),
  chain('strict-over.test', certificates(stapled('a', 'a-over')), STRICT),
  chain('strict-none.test', own('a'), STRICT),
  chain('must.test', certificates(stapled('a')), MUST),
  chain('must-over.test', certificates(stapled('a', 'a-over')), MUST),
  chain('feature.test', certificates(stapled('must'))),
  chain('feature-over.test', certificates(stapled('must', 'must-over'))),
];
const NAMES = CHAINS.map((text) => /server_names: \[([^\]]+)/.exec(text)![1]!);
const toEach = (name: string, send: TlsSend): Case => ({ name, tls: NAMES.map((serverName) => ({ ...send, serverName })) });

const stapling: Configuration = {
  name: 'OCSP',
  certificates: true,
  listener: chains(...CHAINS),
  cases: [
    toEach('asked for', { ocsp: true }),
    toEach('not asked for', {}),
    toEach('asked for with TLS 1.2', { ocsp: true, maxVersion: 'TLSv1.2' }),
    { name: 'the first that expires', admin: 'GET /stats?filter=seconds_until_first_ocsp' },
  ],
};

const kinds = (name: string, inspected: boolean, ...list: readonly string[]): Configuration => ({
  name: `certificates by kind of key: ${name}`,
  certificates: true,
  ignoreStats: /ssl\.certificate\./,
  listener: `{${listenerLog}, ${inspected ? `${INSPECTOR}, ` : ''}filter_chains: [{${downstream(certificates(...list))}, filters: [{{hcm}}]}]}`,
  cases: [
    { name: 'certificates', admin: 'GET /certs' },
    ...['a.test', 'x.b.test', undefined].map((serverName) => ({
      name: serverName ?? 'no name',
      tls: [
        { ocsp: true },
        {},
        { ocsp: true, signatureAlgorithms: 'rsa_pss_rsae_sha256' },
        { ocsp: true, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' } as const,
        {
          ocsp: true,
          maxVersion: 'TLSv1.2',
          ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256',
          signatureAlgorithms: 'ecdsa_secp256r1_sha256',
        } as const,
        ...(inspected ? [{ ocsp: true, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } as const] : []),
      ].map((send): TlsSend => (serverName === undefined ? send : { ...send, serverName })),
    })),
  ],
});

/** Which lines there are of what connections: the secrets are random. */
const keyLog = (more = '') => `key_log: {path: "{{dir}}/keys.log"${more}}`;
const range = (field: string, address: string) => `, ${field}: [{address_prefix: ${address}, prefix_len: 8}]`;
const tlsCluster = `{name: secure, connect_timeout: 1s, ${upstream(`${keyLog()}, tls_params: {tls_maximum_protocol_version: TLSv1_3}`)}, load_assignment: {cluster_name: secure, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{one}}"}}}}]}]}}`;

const keys = (name: string, more: string, lines: number): Configuration => ({
  name,
  certificates: true,
  ignoreStats: /ssl\.sigalgs\./,
  tlsUpstreams: { one: { certificate: 'a', to: 'a' } },
  routes: '[{match: {path: /secure}, route: {cluster: secure}}, {match: {path: /}, route: {cluster: a}}]',
  clusters: `[${tlsCluster}]`,
  listener: `{${listenerLog}, filter_chains: [{${downstream(`${own('a')}, ${keyLog(more)}`)}, filters: [{{hcm}}]}]}`,
  cases: [
    { name: 'TLS 1.3', tls: { serverName: 'a.test' } },
    { name: 'TLS 1.2', tls: { serverName: 'a.test', maxVersion: 'TLSv1.2' } },
    { name: 'towards an upstream', tls: { serverName: 'a.test', path: '/secure' }, file: { name: 'keys.log', lines, part: /^\w+/ } },
  ],
});

/** What is told of certificates in the handshake, and of secrets afterwards. */
export const tlsStatus: Area = {
  name: 'tls-status',
  configurations: [
    stapling,
    kinds('one of each', true, stapled('a'), stapled('a-rsa')),
    kinds('one of each, unseen', false, stapled('a'), stapled('a-rsa')),
    kinds('one is over', true, stapled('a'), stapled('a-rsa', 'a-rsa-over')),
    kinds('of several names', true, plainly('b'), stapled('a'), stapled('a-rsa')),
    keys('key log', '', 15),
    keys('key log of addresses', `${range('local_address_range', '127.0.0.0')}${range('remote_address_range', '127.0.0.0')}`, 15),
    keys('key log of other addresses', range('remote_address_range', '10.0.0.0'), 5),
  ],
};
