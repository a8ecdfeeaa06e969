import { describe, expect, test } from 'vitest';
import { buildRbacEngine } from '../../../src/filters/rbac/engine.ts';
import type { RbacRuleSettings, RbacRulesSettings } from '../../../src/filters/rbac/settings.ts';
import { ipAddress } from '../../../src/net/address.ts';
import type { CertificateInfo, TlsInfo } from '../../../src/net/tls-info.ts';
import { connectionInfo, newStreamInfo, requestHeaders } from '../../support/hcm-rig.ts';

const ANY: RbacRuleSettings = { kind: 'any' };
const header = (name: string): RbacRuleSettings => ({
  kind: 'header',
  header: { name, value: null, present: true, invert: false, treatMissingAsEmpty: false },
});
const rules = (action: RbacRulesSettings['action'], ...policies: [string, RbacRuleSettings, RbacRuleSettings][]): RbacRulesSettings => ({
  action,
  policies: policies.map(([name, permission, principal]) => ({ name, permissions: [permission], principals: [principal] })),
});

function decide(settings: RbacRulesSettings, lines: Record<string, string> = {}, path = '/'): [boolean, string | null] {
  const { allowed, policy } = buildRbacEngine(settings).decide(requestHeaders(lines, 'GET', path), newStreamInfo());
  return [allowed, policy];
}

describe('actions', () => {
  test('without policies ALLOW lets nobody in, DENY and LOG everybody', () => {
    expect([decide(rules('ALLOW')), decide(rules('DENY')), decide(rules('LOG'))]).toEqual([
      [false, null],
      [true, null],
      [true, null],
    ]);
  });

  test('a policy needs a permission and a principal', () => {
    const both = rules('ALLOW', ['p', header('x-what'), header('x-who')]);
    expect(decide(both, { 'x-what': '1', 'x-who': '1' })).toEqual([true, 'p']);
    expect(decide(both, { 'x-what': '1' })).toEqual([false, null]);
    expect(decide(both, { 'x-who': '1' })).toEqual([false, null]);
    expect(decide(rules('ALLOW', ['p', { kind: 'one', rules: [] }, ANY]))).toEqual([false, null]);
  });

  test('the first that matches is the one that is told', () => {
    expect(decide(rules('DENY', ['a', header('x-a'), ANY], ['b', ANY, ANY]), { 'x-a': '1' })).toEqual([false, 'a']);
    expect(decide(rules('DENY', ['a', header('x-a'), ANY], ['b', ANY, ANY]))).toEqual([false, 'b']);
  });
});

test('the path is matched without its query and fragment', () => {
  const admin = rules('DENY', ['p', { kind: 'url_path', path: { kind: 'exact', value: '/admin', ignoreCase: false } }, ANY]);
  expect(decide(admin, {}, '/admin?a=/public')[0]).toBe(false);
  expect(decide(admin, {}, '/public?/admin')[0]).toBe(true);
});

test('for a connection, what speaks of requests never matches', () => {
  const engine = buildRbacEngine(
    rules('DENY', ['p', header('x-a'), ANY], ['q', { kind: 'url_path', path: { kind: 'prefix', value: '', ignoreCase: false } }, ANY]),
  );
  expect(engine.decide(null, newStreamInfo()).policy).toBeNull();
});

test('addresses: the trusted client is one thing, the peer of the connection another', () => {
  const info = newStreamInfo(connectionInfo({}, ipAddress('10.1.2.3', 1000)));
  info.remoteAddress = ipAddress('2001:db8::7', 0);
  const matches = (of: 'destination' | 'direct_remote' | 'remote', range: string) =>
    buildRbacEngine(rules('ALLOW', ['p', ANY, { kind: 'address', of, range }])).decide(null, info).policy === 'p';
  expect([matches('direct_remote', '10.0.0.0/8'), matches('remote', '10.0.0.0/8')]).toEqual([true, false]);
  expect([matches('remote', '2001:db8::/32'), matches('remote', '0.0.0.0/0')]).toEqual([true, false]);
  expect([matches('destination', '192.0.2.2/32'), matches('destination', '192.0.2.3/32')]).toEqual([true, false]);
});

describe('who is at the other end', () => {
  const certificate = (more: Partial<CertificateInfo>): CertificateInfo => ({
    ...{
      uriSans: [],
      dnsSans: [],
      ipSans: [],
      emailSans: [],
      otherSans: [],
      subject: '',
      issuer: '',
      serial: '',
      fingerprint256: '',
      fingerprint1: '',
    },
    ...{ pem: '', validFromMs: 0, validToMs: 0 },
    ...more,
  });
  const tls = (peer: CertificateInfo | null, peerValidated = true): TlsInfo => ({
    ...{ version: 'TLSv1.3', cipher: '', group: '', sessionId: '', serverName: '', alpn: '', peerChain: [], local: null },
    ...{ peerPresented: peer !== null, peerValidated: peer !== null && peerValidated, peer },
  });
  const is = (principal: RbacRuleSettings, info: TlsInfo | null) =>
    buildRbacEngine(rules('ALLOW', ['p', ANY, principal])).decide(null, newStreamInfo(connectionInfo({ tls: info }))).policy === 'p';
  const exact = (value: string) => ({ kind: 'exact', value, ignoreCase: false }) as const;
  const named = (value: string): RbacRuleSettings => ({ kind: 'authenticated', principal: exact(value) });

  test('authenticated is whoever speaks TLS; a name is a URI, else a DNS name, else the subject', () => {
    const anybody: RbacRuleSettings = { kind: 'authenticated', principal: null };
    expect([is(anybody, null), is(anybody, tls(null))]).toEqual([false, true]);
    const peer = tls(certificate({ uriSans: ['spiffe://a/b', 'x:y'], dnsSans: ['d.test'], subject: 'CN=s' }));
    expect(['spiffe://a/b', 'x:y', 'd.test', 'CN=s', 'CN=t', ''].map((name) => is(named(name), peer))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    // Nobody in particular.
    expect([is(named(''), tls(null)), is(named(''), null)]).toEqual([true, false]);
  });

  test('mtls_authenticated wants a certificate that was found good', () => {
    const peer = certificate({ dnsSans: ['*.D.test'], uriSans: ['spiffe://a/b'] });
    const anybody: RbacRuleSettings = { kind: 'mtls_authenticated', san: null };
    expect([tls(peer), tls(peer, false), tls(null), null].map((info) => is(anybody, info))).toEqual([true, false, false, false]);
    const dns: RbacRuleSettings = { kind: 'mtls_authenticated', san: { type: 'DNS', oid: '', matcher: exact('x.d.test') } };
    const uri: RbacRuleSettings = { kind: 'mtls_authenticated', san: { type: 'URI', oid: '', matcher: exact('x.d.test') } };
    expect([is(dns, tls(peer)), is(dns, tls(peer, false)), is(uri, tls(peer))]).toEqual([true, false, false]);
  });
});

test('a tree denies what nothing in it matches, and tells whether the access log is to say so', () => {
  const name = { kind: 'request_header', name: 'x-user' } as const;
  const map = { a: { action: 0 }, b: { action: 1 }, c: { action: 2 } };
  const actions = (['ALLOW', 'DENY', 'LOG'] as const).map((action) => ({ name: action.toLowerCase(), action }));
  const engine = buildRbacEngine({ tree: { kind: 'exact', input: name, map, onNoMatch: null }, actions });
  const of = (user: string) => engine.decide(requestHeaders({ 'x-user': user }), newStreamInfo());
  expect(of('a')).toEqual({ policy: 'allow', allowed: true, logs: false });
  expect(of('b')).toEqual({ policy: 'deny', allowed: false, logs: false });
  expect(of('c')).toEqual({ policy: 'log', allowed: true, logs: true });
  expect(of('d')).toEqual({ policy: null, allowed: false, logs: null });
  expect(engine.decide(null, newStreamInfo()).allowed).toBe(false);
});
