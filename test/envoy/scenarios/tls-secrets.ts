import type { Area, Case, Configuration } from '../harness/scenario.ts';
import { chains, TLS, upstream } from './tls-parts.ts';

const certificate = (name: string, key = name) =>
  `tls_certificate: {certificate_chain: {filename: "{{certs}}/${name}.pem"}, private_key: {filename: "{{certs}}/${key}.key"}}`;
const secret = (name: string, what: string) => `{"@type": ${TLS}.Secret, name: ${name}, ${what}}`;
const file = (...secrets: readonly string[]) => `resources: [${secrets.join(', ')}]\n`;
const source = (name: string) =>
  `{name: ${name}, sds_config: {path_config_source: {path: "{{dir}}/${name}.yaml"}, resource_api_version: V3}}`;

/** What the files hold when the proxy starts: only the first is what it should be. */
const FILES: Readonly<Record<string, string>> = {
  good: file(secret('good', certificate('a'))),
  empty: file(),
  other: file(secret('somebody-else', certificate('a'))),
  two: file(secret('two', certificate('a')), secret('three', certificate('b'))),
  bad: file(secret('bad', certificate('a', 'b'))),
  kind: file(secret('kind', 'validation_context: {trusted_ca: {filename: "{{certs}}/ca.pem"}}')),
};
const NAMES = Object.keys(FILES);
const downstream = (name: string) =>
  `{filter_chain_match: {server_names: [${name}.test]}, transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {tls_certificate_sds_secret_configs: [${source(name)}]}}}, filters: [{{hcm}}]}`;
const toEach = (name: string, more: Partial<Case> = {}): Case => ({
  name,
  tls: NAMES.map((each) => ({ serverName: `${each}.test` })),
  ...more,
});
const SUBSCRIPTIONS: Partial<Case> = { admin: 'GET /stats?filter=^sds%5C.', adminLines: /update_(success|rejected|failure|attempt)/ };

const servers: Configuration = {
  name: 'certificates that are not there',
  certificates: true,
  files: Object.fromEntries(NAMES.map((name) => [`${name}.yaml`, FILES[name]!])),
  ignoreStats: /ssl\.certificate\./,
  listener: chains(...NAMES.map(downstream)),
  cases: [
    toEach('at first', SUBSCRIPTIONS),
    {
      name: 'later',
      writes: Object.fromEntries(
        NAMES.filter((name) => name !== 'good').map((name) => [`${name}.yaml`, file(secret(name, certificate('b')))]),
      ),
    },
    toEach('when they have come', {
      until: Object.fromEntries(NAMES.map((name) => [`sds.${name}.update_success`, 1])),
    }),
    { name: 'taken away', writes: { 'good.yaml': file() } },
    { name: 'the last good one stays', until: { 'sds.good.update_rejected': 1 }, tls: { serverName: 'good.test' } },
  ],
};

const cluster = (name: string) =>
  `{name: ${name}, connect_timeout: 1s, ${upstream(`validation_context_sds_secret_config: ${source(name)}`)}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{one}}"}}}}]}]}}`;

const trust = (name: string) => file(secret(name, 'validation_context: {trusted_ca: {filename: "{{certs}}/ca.pem"}}'));

const clients: Configuration = {
  name: 'authorities that are not there',
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  tlsUpstreams: { one: { certificate: 'a', to: 'a' } },
  files: { 'there.yaml': trust('there'), 'late.yaml': file() },
  clusters: `[${cluster('there')}, ${cluster('late')}]`,
  routes: '[{match: {path: /there}, route: {cluster: there}}, {match: {path: /late}, route: {cluster: late}}]',
  cases: [
    { name: 'at first', send: ['GET /there', 'GET /late'] },
    { name: 'later', writes: { 'late.yaml': trust('late') } },
    { name: 'when it has come', until: { 'sds.late.update_success': 1 }, send: 'GET /late' },
  ],
};

/** Secrets from a discovery service. */
export const tlsSecrets: Area = { name: 'tls-secrets', configurations: [servers, clients] };
