import { describe, expect, test } from 'vitest';
import { RbacEngine } from '../../../src/filters/rbac/engine.ts';
import type { RbacRuleSettings, RbacRulesSettings } from '../../../src/filters/rbac/settings.ts';
import { ipAddress } from '../../../src/net/address.ts';
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
  const engine = new RbacEngine(settings);
  const matched = engine.match(requestHeaders(lines, 'GET', path), newStreamInfo());
  return [engine.allows(matched), matched];
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
  const engine = new RbacEngine(
    rules('DENY', ['p', header('x-a'), ANY], ['q', { kind: 'url_path', path: { kind: 'prefix', value: '', ignoreCase: false } }, ANY]),
  );
  expect(engine.match(null, newStreamInfo())).toBeNull();
});

test('addresses: the trusted client is one thing, the peer of the connection another', () => {
  const info = newStreamInfo(connectionInfo({}, ipAddress('10.1.2.3', 1000)));
  info.remoteAddress = ipAddress('2001:db8::7', 0);
  const matches = (of: 'destination' | 'direct_remote' | 'remote', range: string) =>
    new RbacEngine(rules('ALLOW', ['p', ANY, { kind: 'address', of, range }])).match(null, info) === 'p';
  expect([matches('direct_remote', '10.0.0.0/8'), matches('remote', '10.0.0.0/8')]).toEqual([true, false]);
  expect([matches('remote', '2001:db8::/32'), matches('remote', '0.0.0.0/0')]).toEqual([true, false]);
  expect([matches('destination', '192.0.2.2/32'), matches('destination', '192.0.2.3/32')]).toEqual([true, false]);
});
