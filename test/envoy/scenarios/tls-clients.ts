import type { Area, Case, Configuration } from '../harness/scenario.ts';
import { chain, chains, own, REQUIRED, trusting } from './tls-parts.ts';

const words = (text: string): readonly string[] => text.split(' ');
/** Each command for the chain of that name. */
const toChain = (name: string, ...commands: readonly string[]): Case => ({
  name,
  sClient: commands.map((command) => ['-servername', `${name}.test`, ...(command === '' ? [] : words(command))]),
});

/** Of a group of equal preference the client's favourite is taken, which is the first one here for both. */
const FAVOURITE = '-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384';
const CLIENT = '-cert {{certs}}/client.pem -key {{certs}}/client.key';
const certificate = (name: string) => `-cert {{certs}}/${name}.pem -key {{certs}}/${name}.key`;
const stapled = (response: string) =>
  `tls_certificates: [{certificate_chain: {filename: "{{certs}}/a.pem"}, private_key: {filename: "{{certs}}/a.key"}, ocsp_staple: {filename: "{{certs}}/${response}.ocsp"}}]`;

const agreement: Configuration = {
  name: 'what is agreed on',
  certificates: true,
  ignoreStats: /ssl\.certificate\./,
  listener: chains(
    chain('default.test', own('a')),
    chain(
      'old.test',
      `${own('a')}, tls_params: {tls_maximum_protocol_version: TLSv1_2, cipher_suites: [ECDHE-ECDSA-AES256-GCM-SHA384, ECDHE-ECDSA-AES128-GCM-SHA256]}`,
    ),
    chain('new.test', `${own('a')}, tls_params: {tls_minimum_protocol_version: TLSv1_3}`),
    chain('curves.test', `${own('a')}, tls_params: {ecdh_curves: [P-384, P-256]}`),
    chain('a.test', own('a', 'a-rsa')),
    chain('client.test, "*.b.test"', own('b', 'client')),
    chain('alpn.test', `${own('a')}, alpn_protocols: [http/1.1, h2]`),
    chain(
      'groups.test',
      `${own('a-rsa')}, tls_params: {cipher_suites: ["[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]", ECDHE-RSA-AES256-GCM-SHA384, AES128-GCM-SHA256]}`,
    ),
    chain('rsa.test', `${own('a-rsa')}, tls_params: {tls_minimum_protocol_version: TLSv1_2, cipher_suites: [AES256-GCM-SHA384]}`),
    chain('choice.test', own('a'), ', prefer_client_ciphers: true'),
    chain('nobody.test, x.nobody.test', own('b', 'a'), ', full_scan_certs_on_sni_mismatch: true'),
    chain('staple.test', stapled('a'), ', ocsp_staple_policy: STRICT_STAPLING'),
  ),
  cases: [
    toChain(
      'default',
      '',
      FAVOURITE,
      '-tls1_3',
      '-tls1_1 -cipher ALL:@SECLEVEL=0',
      '-tls1 -cipher ALL:@SECLEVEL=0',
      '-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256',
      '-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256',
      '-groups X25519',
      '-groups P-384',
    ),
    toChain(
      'old',
      '',
      FAVOURITE,
      '-tls1_3',
      '-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256',
      '-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305',
    ),
    toChain('new', '', FAVOURITE, '-tls1_3'),
    toChain('curves', '', '-groups P-256', '-groups P-384', '-groups P-256:P-384', '-groups X25519', `${FAVOURITE} -groups P-384:P-256`),
    toChain('a', '', FAVOURITE, '-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384', '-sigalgs rsa_pss_rsae_sha256', '-sigalgs ECDSA+SHA256'),
    {
      name: 'names',
      sClient: [
        words('-servername client.test'),
        words('-servername x.b.test'),
        words(`-servername y.b.test ${FAVOURITE}`),
        words('-noservername'),
        words('-servername somebody.test'),
      ],
    },
    toChain('alpn', '', '-alpn h2,http/1.1', '-alpn http/1.1', '-alpn http/1.1,h3'),
    toChain(
      'groups',
      '-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256',
      '-tls1_2 -cipher AES128-GCM-SHA256',
      '-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305',
    ),
    toChain('rsa', '-tls1_2 -cipher AES256-GCM-SHA384', FAVOURITE),
    toChain('choice', '-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256', FAVOURITE),
    toChain('nobody', '', '-sigalgs rsa_pss_rsae_sha256', '-sigalgs ECDSA+SHA256'),
    toChain('staple', '-status', `-status ${FAVOURITE}`, ''),
  ],
};

const clients: Configuration = {
  name: 'who is let in',
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  listener: chains(
    chain('optional.test', `${own('a')}, ${trusting()}`),
    chain('required.test', `${own('a')}, ${trusting()}`, REQUIRED),
    chain('crl.test', `${own('a')}, ${trusting(', crl: {filename: "{{certs}}/crl.pem"}')}`, REQUIRED),
    chain('hash.test', `${own('a')}, validation_context: {verify_certificate_hash: ["{{hash-client}}"]}`),
  ),
  cases: ['optional', 'required', 'crl', 'hash'].map((name) =>
    toChain(
      name,
      '',
      CLIENT,
      `${CLIENT} ${FAVOURITE}`,
      certificate('revoked'),
      certificate('expired'),
      ...(name === 'crl' ? [] : [certificate('stranger-client')]),
    ),
  ),
};

const resumed = (name: string, version: 2 | 3): readonly string[] => [
  `${version === 2 ? FAVOURITE : '-tls1_3'} -sess_out {{dir}}/${name}-${version}.pem`,
  `${version === 2 ? FAVOURITE : '-tls1_3'} -sess_in {{dir}}/${name}-${version}.pem`,
];

const sessions: Configuration = {
  name: 'sessions',
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  listener: chains(
    chain('tickets.test', own('a')),
    chain('no-tickets.test', own('a'), ', disable_stateless_session_resumption: true'),
    chain('no-cache.test', own('a'), ', disable_stateful_session_resumption: true'),
    chain('nothing.test', own('a'), ', disable_stateless_session_resumption: true, disable_stateful_session_resumption: true'),
    chain('timeout.test', own('a'), ', session_timeout: 3600s'),
  ),
  cases: [
    ...['tickets', 'no-cache', 'timeout'].map((name) => toChain(name, ...resumed(name, 2), ...resumed(name, 3))),
    // OpenSSL hands out sessions here too, which nobody takes back: with Envoy there is nothing to come back with.
    toChain('no-tickets', ...resumed('no-tickets', 2), '-tls1_3'),
    toChain('nothing', FAVOURITE, FAVOURITE, '-tls1_3'),
  ],
};

/** The same outcome for a client that is nobody's own. */
export const tlsClients: Area = { name: 'tls-clients', configurations: [agreement, clients, sessions] };
