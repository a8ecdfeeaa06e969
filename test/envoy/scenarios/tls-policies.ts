import type { Area, Case, Configuration } from '../harness/scenario.ts';
import type { CertificateName } from '../harness/tls-fixture.ts';
import { chain, chains, own, REQUIRED, trusting } from './tls-parts.ts';

const words = (text: string): readonly string[] => text.split(' ');
const toChain = (name: string, ...commands: readonly string[]): Case => ({
  name,
  sClient: commands.map((command) => ['-servername', `${name}.test`, ...(command === '' ? [] : words(command))]),
});
const OLD = '-tls1_2 -cipher';

const compliance: Configuration = {
  name: 'compliance',
  certificates: true,
  ignoreStats: /ssl\.certificate\./,
  listener: chains(
    chain('fips.test', `${own('a', 'a-rsa')}, tls_params: {compliance_policies: [FIPS_202205]}`),
    chain(
      'all.test',
      `${own('a', 'a-rsa')}, tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3, cipher_suites: [ECDHE-ECDSA-CHACHA20-POLY1305], ecdh_curves: [X25519], compliance_policies: [FIPS_202205]}`,
    ),
  ),
  cases: ['fips', 'all'].map((name) =>
    toChain(
      name,
      '',
      `${OLD} ECDHE-ECDSA-AES128-GCM-SHA256`,
      `${OLD} ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305`,
      `${OLD} ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256`,
      '-tls1_1 -cipher ALL:@SECLEVEL=0',
      '-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256',
      '-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256',
      '-groups X25519',
      '-groups P-384',
      '-groups P-521',
      '-sigalgs ecdsa_secp256r1_sha256',
      '-sigalgs RSA-PSS+SHA256',
    ),
  ),
};

const client = (name: CertificateName) => `-cert {{certs}}/${name}.pem -key {{certs}}/${name}.key -cert_chain {{certs}}/${name}.pem`;

const names: Configuration = {
  name: 'authorities that are not named',
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  listener: chains(
    chain('silent.test', `${own('a')}, ${trusting(', suppress_client_ca_list: true')}`, REQUIRED),
    chain('crl.test', `${own('a')}, ${trusting(', suppress_client_ca_list: true, crl: {filename: "{{certs}}/crl.pem"}')}`, REQUIRED),
    chain('named.test', `${own('a')}, ${trusting()}`, REQUIRED),
  ),
  cases: ['silent', 'crl', 'named'].map((name) =>
    toChain(
      name,
      '',
      client('client'),
      `${client('client')} ${OLD} ECDHE-ECDSA-AES256-GCM-SHA384`,
      client('revoked'),
      ...(name === 'crl' ? [] : [client('stranger-client')]),
    ),
  ),
};

const list = (file: string, leaf = true) => `, crl: {filename: "{{certs}}/${file}.pem"}${leaf ? ', only_verify_leaf_cert_crl: true' : ''}`;
const LISTS: Readonly<Record<string, string>> = {
  leaf: list('deep-crl'),
  whole: list('deep-crl', false),
  root: list('crl'),
  both: list('both-crl'),
  'both-whole': list('both-crl', false),
  expired: `${list('both-crl')}, allow_expired_certificate: true`,
};

const revocation: Configuration = {
  name: 'revocation lists about the last certificate only',
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  listener: chains(...Object.entries(LISTS).map(([name, more]) => chain(`${name}.test`, `${own('a')}, ${trusting(more)}`, REQUIRED))),
  cases: (['client', 'revoked', 'deep-client', 'deep-revoked'] as const).map((certificate) => ({
    name: certificate,
    // Which certificate of a whole chain there is no list about Node does not tell.
    tls: Object.keys(LISTS)
      .filter((name) => name !== 'whole' || !certificate.startsWith('deep'))
      .map((name) => ({ serverName: `${name}.test`, certificate })),
  })),
};

const other = (kind: number, matcher: string) =>
  trusting(`, match_typed_subject_alt_names: [{san_type: OTHER_NAME, oid: 1.3.6.1.4.1.311.20.2.${kind}, matcher: ${matcher}}]`);
const OTHERS: readonly string[] = [
  other(3, '{exact: client@acme}'),
  other(4, '{exact: client@acme}'),
  other(4, '{exact: ia5}'),
  other(5, '{exact: "-42"}'),
  other(6, '{exact: "true"}'),
  other(7, '{exact: "1.2.3.4"}'),
  other(8, '{exact: wide}'),
  other(8, '{safe_regex: {regex: ".*"}}'),
  other(9, '{safe_regex: {regex: ".*"}}'),
];

const otherNames: Configuration = {
  name: 'names of other kinds',
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  listener: chains(...OTHERS.map((validation, i) => chain(`n${i}.test`, `${own('a')}, ${validation}`, REQUIRED))),
  cases: (['upn', 'client'] as const).map((certificate) => ({
    name: certificate,
    tls: OTHERS.map((_, i) => ({ serverName: `n${i}.test`, certificate })),
  })),
};

/** What certificates and handshakes have to comply with. */
export const tlsPolicies: Area = { name: 'tls-policies', configurations: [compliance, names, revocation, otherNames] };
