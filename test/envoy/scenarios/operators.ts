import { type Area, type Configuration, get, hangUp, reset, says, silence } from '../harness/scenario.ts';
import { downstream, INSPECTOR, own, trusting, upstream } from './tls-parts.ts';

const xfcc = (name: string, ...values: readonly string[]): Configuration['cases'][number] => ({
  name,
  send: get('/', ...values.map((value) => ['x-forwarded-client-cert', value] as const)),
});
const GROUPS = (curves: string, version: string) =>
  `tls_params: {ecdh_curves: [${curves}], tls_minimum_protocol_version: ${version}, tls_maximum_protocol_version: ${version}}, `;
const towards = (name: string, curves: string, version: string) =>
  `{name: ${name}, ${upstream(`${GROUPS(curves, version)}${trusting()}`)}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{secure}}}}}}]}]}}`;

const ENDS = 'downstream=%DOWNSTREAM_DETECTED_CLOSE_TYPE% upstream=%UPSTREAM_DETECTED_CLOSE_TYPE%';

/** Operators of access logs that no other area has. */
export const operators: Area = {
  name: 'operators',
  configurations: [
    {
      name: 'x-forwarded-client-cert',
      hcm: 'forward_client_cert_details: ALWAYS_FORWARD_ONLY',
      logFormat:
        'by=%XFCC_VALUE(by)% hash=%XFCC_VALUE(Hash)% subject=%XFCC_VALUE(Subject)% uri=%XFCC_VALUE(uri)% short=%XFCC_VALUE(hash):3%',
      cases: [
        xfcc('not there'),
        xfcc('one element', 'By=spiffe://a/b;Hash=abcdef;Subject="CN=x,O=y";URI=spiffe://c/d'),
        xfcc('two elements', 'By=http://one;Hash=1111', 'Hash=2222;URI=http://two'),
        xfcc('two in one line', 'By=http://one;Hash=1111,Hash=2222;URI=http://two'),
        xfcc('quotes in quotes', 'Hash=1;Subject="a \\"quoted\\" name; with, signs"'),
        xfcc('quotes that stay open', 'Hash=1;Subject="open;URI=http://u'),
        xfcc('quotes that stay open in the second', 'Hash=1,Subject="open;URI=http://u'),
        xfcc('empty values', 'Hash=;Subject="";URI='),
        xfcc('twice', 'URI=http://one;URI=http://two'),
        xfcc('spaces', ' Hash = 1 ; Subject = "x" , By = b '),
        xfcc('no fields', 'nothing'),
        xfcc('empty', ''),
        xfcc('equals signs in the value', 'Hash=a=b;URI=http://u?x=y'),
        xfcc('no value', 'Hash;URI=http://u'),
        xfcc('half quoted', 'Hash="1;URI=http://u"'),
        xfcc('one quote', 'Hash=";URI=http://u'),
        xfcc('text after quotes', 'Subject="a"b;Hash="1"'),
      ],
    },
    {
      name: 'group of the key exchange, from clients',
      certificates: true,
      ignoreStats: /ssl\.sigalgs\./,
      listener: `{filter_chains: [{${downstream(own('a'))}, filters: [{{hcm}}]}]}`,
      logFormat: '%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_GROUP% %UPSTREAM_TLS_GROUP%',
      cases: [
        { name: 'X25519', tls: { curves: 'X25519' } },
        { name: 'P-256', tls: { curves: 'P-256' } },
        { name: 'X25519 of TLS 1.2', tls: { curves: 'X25519', maxVersion: 'TLSv1.2' } },
        { name: 'P-256 of TLS 1.2', tls: { curves: 'P-256', maxVersion: 'TLSv1.2' } },
        { name: 'no exchange', tls: { ciphers: 'AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } },
      ],
    },
    {
      name: 'fingerprints of clients',
      certificates: true,
      ignoreStats: /ssl\.(sigalgs|curves)\./,
      listener: `{${INSPECTOR.replace('TlsInspector}', 'TlsInspector, enable_ja3_fingerprinting: true, enable_ja4_fingerprinting: true}')}, filter_chains: [{${downstream(`${own('a')}, alpn_protocols: [http/1.1]`)}, filters: [{{hcm}}]}]}`,
      // What OpenSSL sends beside TLS is the same for both.
      logFormat: '%TLS_JA3_FINGERPRINT% %TLS_JA4_FINGERPRINT%',
      cases: [
        { name: 'no name', tls: {} },
        { name: 'a name', tls: { serverName: 'a.test' } },
        { name: 'protocols', tls: { serverName: 'a.test', alpn: ['http/1.1'] } },
        { name: 'other protocols', tls: { alpn: ['h2', 'http/1.1'] } },
        { name: 'a protocol of one letter', tls: { alpn: ['x', 'http/1.1'] } },
        { name: 'TLS 1.2', tls: { serverName: 'a.test', maxVersion: 'TLSv1.2' } },
        { name: 'few ciphers', tls: { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } },
        { name: 'other groups', tls: { curves: 'P-256:P-384' } },
        { name: 'other algorithms', tls: { signatureAlgorithms: 'ECDSA+SHA256:RSA+SHA256' } },
        { name: 'TLS 1.3 alone', tls: { minVersion: 'TLSv1.3' } },
        { name: 'plain text', send: 'GET /', closes: true },
      ],
    },
    {
      name: 'how requests ended',
      logFormat: `%RESPONSE_CODE% %RESPONSE_FLAGS% ${ENDS}`,
      clusters: '\n        - {name: empty, type: STATIC}\n',
      routes: `
        - {match: {prefix: /slow}, route: {cluster: a, timeout: 0.1s}}
        - {match: {prefix: /direct}, ${says('direct')}}
        - {match: {prefix: /empty}, route: {cluster: empty}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'answered', send: 'GET /' },
        { name: 'the upstream resets', send: 'GET /', upstream: { a: [reset] } },
        { name: 'the upstream closes', send: 'GET /', upstream: { a: [hangUp] } },
        { name: 'too slow', send: 'GET /slow', upstream: { a: [silence] } },
        { name: 'no upstream', send: 'GET /direct' },
        { name: 'no host', send: 'GET /empty' },
      ],
    },
    {
      name: 'how connections ended',
      networkFilters: `- {name: t, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a, access_log: [{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "%RESPONSE_FLAGS% ${ENDS}\\n"}}}}]}}`,
      // Who closes an idle connection first is chance.
      ignoreStats: /_destroy_(local|remote)/,
      cases: [
        { name: 'the client closes', send: 'GET /' },
        { name: 'the client resets', send: ['GET /', { raw: '', responses: 0, afterwards: 'reset' }] },
        {
          name: 'the upstream resets',
          send: { raw: 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', responses: 0 },
          upstream: { a: [reset] },
          closes: true,
        },
        {
          name: 'the upstream closes',
          send: { raw: 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', responses: 0 },
          upstream: { a: [hangUp] },
          closes: true,
        },
      ],
    },
    {
      name: 'one fingerprint',
      certificates: true,
      ignoreStats: /ssl\.(sigalgs|curves)\./,
      listener: `{${INSPECTOR.replace('TlsInspector}', 'TlsInspector, enable_ja4_fingerprinting: true}')}, filter_chains: [{${downstream(own('a'))}, filters: [{{hcm}}]}]}`,
      logFormat: '%TLS_JA3_FINGERPRINT% %TLS_JA4_FINGERPRINT%',
      cases: [{ name: 'of the two', tls: {} }],
    },
    {
      name: 'group of the key exchange, towards upstreams',
      certificates: true,
      ignoreStats: /ssl\.sigalgs\./,
      tlsUpstreams: { secure: { certificate: 'a', to: 'a' } },
      routes: `
        - {match: {prefix: /one}, route: {cluster: one}}
        - {match: {prefix: /two}, route: {cluster: two}}
        - {match: {prefix: /three}, route: {cluster: three}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      clusters: `
        - ${towards('one', 'X25519', 'TLSv1_3')}
        - ${towards('two', 'P-256', 'TLSv1_3')}
        - ${towards('three', 'P-256', 'TLSv1_2')}
      `,
      logFormat: '%DOWNSTREAM_TLS_GROUP% %UPSTREAM_TLS_VERSION% %UPSTREAM_TLS_GROUP%',
      cases: [
        { name: 'X25519', send: 'GET /one' },
        { name: 'P-256', send: 'GET /two' },
        { name: 'P-256 of TLS 1.2', send: 'GET /three' },
        { name: 'plain text', send: 'GET /' },
      ],
    },
  ],
};
