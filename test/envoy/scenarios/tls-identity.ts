import type { Area, Case, Configuration } from '../harness/scenario.ts';
import type { CertificateName } from '../harness/tls-fixture.ts';
import { chain, chains, downstream, listenerLog, own, REQUIRED, sans, TLS, trusting } from './tls-parts.ts';

const RBAC = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3';
const ANY = '[{any: true}]';
const MTLS = 'type.googleapis.com/envoy.extensions.rbac.principals.mtls_authenticated.v3.Config';
const custom = (fields: string) => `{custom: {name: m, typed_config: {"@type": ${MTLS}${fields}}}}`;

/** Whom each route lets in. */
const PRINCIPALS: Readonly<Record<string, string>> = {
  authenticated: '{authenticated: {}}',
  uri: '{authenticated: {principal_name: {exact: "spiffe://acme/client"}}}',
  'uri-prefix': '{authenticated: {principal_name: {prefix: "spiffe://acme/"}}}',
  dns: '{authenticated: {principal_name: {exact: client.test}}}',
  'dns-case': '{authenticated: {principal_name: {exact: CLIENT.test, ignore_case: true}}}',
  subject: '{authenticated: {principal_name: {contains: "CN=client"}}}',
  'subject-of-a': '{authenticated: {principal_name: {exact: "CN=a,O=Acme"}}}',
  nobody: '{authenticated: {principal_name: {exact: ""}}}',
  'not-uri': '{not_id: {authenticated: {principal_name: {prefix: "spiffe://acme/"}}}}',
  validated: custom(', any_validated_client_certificate: true'),
  'san-uri': custom(', san_matcher: {san_type: URI, matcher: {prefix: "spiffe://acme/"}}'),
  'san-dns': custom(', san_matcher: {san_type: DNS, matcher: {exact: CLIENT.test}}'),
  'san-email': custom(', san_matcher: {san_type: EMAIL, matcher: {suffix: "@other.test"}}'),
};
const PERMISSIONS: Readonly<Record<string, string>> = {
  sni: '{requested_server_name: {exact: a.test}}',
  'no-sni': '{requested_server_name: {exact: ""}}',
};
const rules = (permission: string, principal: string) =>
  `rules: {action: ALLOW, policies: {p: {permissions: [${permission}], principals: [${principal}]}}}`;
const route = (path: string, permission: string, principal: string) =>
  `{match: {path: /${path}}, route: {cluster: a}, typed_per_filter_config: {envoy.filters.http.rbac: {"@type": ${RBAC}.RBACPerRoute, rbac: {${rules(permission, principal)}}}}}`;

const PATHS = [...Object.keys(PRINCIPALS), ...Object.keys(PERMISSIONS)];
const asEach = (certificate?: CertificateName): Case => ({
  name: certificate ?? 'nobody',
  tls: PATHS.map((path) => ({ serverName: 'a.test', path: `/${path}`, ...(certificate === undefined ? {} : { certificate }) })),
});
const LOG = '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% sni=%REQUESTED_SERVER_NAME%';
const WITHOUT = /ssl\.sigalgs\.|unnamed_ca_cert\./;

const requests = (name: string, validation: string): Configuration => ({
  name,
  certificates: true,
  ignoreStats: WITHOUT,
  logFormat: LOG,
  routes: `[${[
    ...Object.entries(PRINCIPALS).map(([path, principal]) => route(path, '{any: true}', principal)),
    ...Object.entries(PERMISSIONS).map(([path, permission]) => route(path, permission, '{any: true}')),
  ].join(', ')}]`,
  filters: `[{name: envoy.filters.http.rbac, typed_config: {"@type": ${RBAC}.RBAC}}]`,
  listener: `{${listenerLog}, filter_chains: [{${downstream(`${own('a')}, ${validation}`)}, filters: [{{hcm}}]}]}`,
  cases: [asEach(), asEach('client'), asEach('a'), asEach('other-client'), asEach('stranger-client')],
});

const plain: Configuration = {
  name: 'without TLS',
  logFormat: LOG,
  routes: requests('', '').routes!,
  filters: requests('', '').filters!,
  cases: [{ name: 'everybody is nobody', send: PATHS.map((path) => `GET /${path}`) }],
};

const NETWORK = 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC';
const guarded = (name: string, permission: string, principal: string) =>
  `{filter_chain_match: {server_names: [${name}.test]}, ${downstream(`${own('a')}, ${trusting()}`)}, filters: [{name: r, typed_config: {"@type": ${NETWORK}, stat_prefix: ${name}, ${rules(permission, principal)}, shadow_rules: {action: DENY, policies: {s: {permissions: ${ANY}, principals: [{authenticated: {principal_name: {suffix: /client}}}]}}}}}, {{hcm}}]}`;
const CONNECTIONS: Readonly<Record<string, readonly [string, string]>> = {
  anyone: ['{any: true}', '{authenticated: {}}'],
  acme: ['{any: true}', PRINCIPALS['uri-prefix']!],
  validated: ['{any: true}', PRINCIPALS['validated']!],
  name: ['{requested_server_name: {suffix: .test}}', PRINCIPALS['san-dns']!],
};

const connections: Configuration = {
  name: 'connections',
  certificates: true,
  ignoreStats: WITHOUT,
  logFormat: LOG,
  listener: `{${listenerLog}, listener_filters: [{name: i, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}], filter_chains: [${Object.entries(
    CONNECTIONS,
  )
    .map(([name, [permission, principal]]) => guarded(name, permission, principal))
    .join(', ')}]}`,
  cases: ([undefined, 'client', 'a'] as const).map((certificate) => ({
    name: certificate ?? 'nobody',
    tls: Object.keys(CONNECTIONS).map((name) => ({ serverName: `${name}.test`, ...(certificate === undefined ? {} : { certificate }) })),
  })),
};

const spiffe = (fields: string, more = '') =>
  `validation_context: {custom_validator_config: {name: envoy.tls.cert_validator.spiffe, typed_config: {"@type": ${TLS}.SPIFFECertValidatorConfig, ${fields}}}${more}}`;
const BUNDLES = 'trust_bundles: {filename: "{{certs}}/bundles.json"}';
const DOMAINS = 'trust_domains: [{name: acme, trust_bundle: {filename: "{{certs}}/ca.pem"}}]';
const SPIFFE = [
  chain('bundles.test', `${own('a')}, ${spiffe(BUNDLES)}`, REQUIRED),
  chain('optional.test', `${own('a')}, ${spiffe(BUNDLES)}`),
  chain('domains.test', `${own('a')}, ${spiffe(DOMAINS)}`),
  chain('uri.test', `${own('a')}, ${spiffe(BUNDLES, sans('URI', '{suffix: /svid}'))}`),
  chain('other-uri.test', `${own('a')}, ${spiffe(BUNDLES, sans('URI', '{suffix: /other}'))}`),
  chain('dns.test', `${own('a')}, ${spiffe(BUNDLES, sans('DNS', '{exact: nobody.test}'))}`),
  chain('expired.test', `${own('a')}, ${spiffe(BUNDLES, ', allow_expired_certificate: true')}`),
];
const SPIFFE_NAMES = SPIFFE.map((text) => /server_names: \[([^\]]+)/.exec(text)![1]!);

const workloads: Configuration = {
  name: 'SPIFFE',
  certificates: true,
  ignoreStats: /ssl\.sigalgs\.|ssl\.certificate\./,
  listener: chains(...SPIFFE),
  cases: ([undefined, 'svid', 'stranger-svid', 'client', 'other-client'] as const).map((certificate) => ({
    name: certificate ?? 'nobody',
    tls: SPIFFE_NAMES.map((serverName) => ({ serverName, ...(certificate === undefined ? {} : { certificate }) })),
  })),
};

/** What rules say of who is at the other end of a connection. */
export const tlsIdentity: Area = {
  name: 'tls-identity',
  configurations: [
    requests('requests', trusting()),
    requests('requests of the untrusted', trusting(', trust_chain_verification: ACCEPT_UNTRUSTED')),
    requests('requests of pinned clients', `${trusting(sans('URI', '{prefix: "spiffe://"}'))}`),
    plain,
    connections,
    workloads,
  ],
};
