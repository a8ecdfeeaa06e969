import type { Area, Case, Configuration } from '../harness/scenario.ts';
import { chains, own, TLS } from './tls-parts.ts';

const FAVOURITE = ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'];
const key = (letter: string, length = 80) => `{inline_string: "${letter.repeat(length)}"}`;
const keys = (...letters: readonly string[]) => `session_ticket_keys: {keys: [${letters.map((letter) => key(letter)).join(', ')}]}`;
const secret = (name: string, what: string) => `resources: [{"@type": ${TLS}.Secret, name: ${name}, ${what}}]\n`;
const source = (name: string) =>
  `, session_ticket_keys_sds_secret_config: {name: ${name}, sds_config: {path_config_source: {path: "{{dir}}/${name}.yaml"}, resource_api_version: V3}}`;
const NAMES = ['given', 'two', 'static', 'good', 'late', 'short', 'kind'];
const MORE: Readonly<Record<string, string>> = {
  given: `, ${keys('a')}`,
  two: `, ${keys('b', 'a')}`,
  static: ', session_ticket_keys_sds_secret_config: {name: of-bootstrap}',
};

const chain = (name: string, more: string) =>
  `{filter_chain_match: {server_names: [${name}.test]}, transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {${own('a')}}${more}}}, filters: [{{hcm}}]}`;

/** A session is begun and its last ticket kept, or it is gone on with. */
const begin = (name: string, version: 2 | 3, as = name) => connect(name, version, '-sess_out', as);
const resume = (name: string, version: 2 | 3, as = name) => connect(name, version, '-sess_in', as);
function connect(name: string, version: 2 | 3, how: string, as: string): readonly string[] {
  return ['-servername', `${name}.test`, ...(version === 2 ? FAVOURITE : ['-tls1_3']), how, `{{dir}}/${as}-${version}.pem`];
}

const both = (name: string): readonly (readonly string[])[] => [begin(name, 2), resume(name, 2), begin(name, 3), resume(name, 3)];
const rotated = (name: string, more: Partial<Case>): Case => ({ name, ...more });

const tickets: Configuration = {
  name: 'ticket keys',
  certificates: true,
  ignoreStats: /ssl\.certificate\./,
  files: {
    'good.yaml': secret('good', keys('a')),
    'late.yaml': 'resources: []\n',
    'short.yaml': secret('short', `session_ticket_keys: {keys: [${key('a', 79)}]}`),
    'kind.yaml': secret('kind', 'validation_context: {trusted_ca: {filename: "{{certs}}/ca.pem"}}'),
  },
  bootstrap: `{static_resources: {secrets: [{name: of-bootstrap, ${keys('c', 'd')}}]}}`,
  listener: chains(...NAMES.map((name) => chain(name, MORE[name] ?? source(name)))),
  cases: [
    ...['given', 'two', 'static', 'good'].map((name): Case => ({ name, sClient: both(name) })),
    {
      name: 'keys that have not come, and wrong ones',
      sClient: ['late', 'short', 'kind'].map((name) => ['-servername', `${name}.test`, '-tls1_3']),
      admin: 'GET /stats?filter=^sds%5C.',
      adminLines: /update_(success|rejected|failure|attempt)/,
      differs: {
        reason: 'a secret of another kind holds no keys; to Envoy it has come all the same, and connections are refused without a word',
        changes: [
          '- sds.kind.update_rejected: 0',
          '- sds.kind.update_success: 1',
          '+ sds.kind.update_rejected: 1',
          '+ sds.kind.update_success: 0',
        ],
      },
    },
    {
      name: 'a new key is put before',
      writes: {
        'good.yaml': secret('good', keys('b', 'a')),
        'late.yaml': secret('late', keys('a')),
        'short.yaml': secret('short', keys('a')),
      },
    },
    rotated('tickets of both keys', {
      until: { 'sds.good.update_success': 2, 'sds.late.update_success': 1, 'sds.short.update_success': 1 },
      sClient: [
        resume('good', 2),
        resume('good', 3),
        begin('good', 2, 'second'),
        begin('good', 3, 'second'),
        resume('good', 2, 'second'),
        resume('good', 3, 'second'),
        ...both('late'),
        ...both('short'),
      ],
    }),
    { name: 'the old key goes', writes: { 'good.yaml': secret('good', keys('c', 'b')) } },
    rotated('tickets of the old key are of no use', {
      until: { 'sds.good.update_success': 3 },
      sClient: [resume('good', 2), resume('good', 3), resume('good', 2, 'second'), resume('good', 3, 'second')],
    }),
    { name: 'bad keys', writes: { 'good.yaml': secret('good', `session_ticket_keys: {keys: [${key('a', 40)}]}`) } },
    rotated('the last good ones stay', {
      until: { 'sds.good.update_rejected': 1 },
      sClient: [resume('good', 2, 'second'), resume('good', 3, 'second')],
    }),
    { name: 'where they are shown', admin: 'GET /config_dump?resource=static_listeners', adminLines: /inline_(string|bytes)/ },
  ],
};

/** Keys of session tickets, and how they are replaced. */
export const tlsTickets: Area = { name: 'tls-tickets', configurations: [tickets] };
