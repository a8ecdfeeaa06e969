import { expect, test } from 'vitest';
import type { CorsSettings } from '../../../../src/filters/http/cors/config.ts';
import { CorsPolicy } from '../../../../src/filters/http/cors/policy.ts';
import { seededRandom } from '../../../../src/runtime/random.ts';
import { StaticRuntime } from '../../../../src/runtime/runtime.ts';

const level = (more: Partial<CorsSettings>): CorsSettings => ({
  allowOrigins: [],
  allowMethods: '',
  allowHeaders: '',
  exposeHeaders: '',
  maxAge: '',
  allowCredentials: null,
  allowPrivateNetworkAccess: null,
  forwardNotMatchingPreflights: null,
  enabled: null,
  shadowEnabled: null,
  ...more,
});
const exact = (value: string) => ({ kind: 'exact' as const, value, ignoreCase: false });

test('each field is that of the most specific level that says it', () => {
  const policy = new CorsPolicy([
    level({ allowOrigins: [exact('https://a.test')], allowMethods: 'GET', maxAge: '1', allowCredentials: true }),
    level({ allowMethods: 'PUT', allowCredentials: false }),
  ]);
  expect([policy.allowMethods, policy.maxAge, policy.allowCredentials, policy.forwardNotMatchingPreflights]).toEqual([
    'PUT',
    '1',
    false,
    true,
  ]);
  expect([policy.allows('https://a.test'), policy.allows('https://b.test')]).toEqual([true, false]);
});

test('a star allows every origin; no matcher allows none', () => {
  expect(new CorsPolicy([level({ allowOrigins: [exact('*')] })]).allows('https://any.test')).toBe(true);
  expect(new CorsPolicy([level({})]).allows('https://any.test')).toBe(false);
});

test('whether it is on is for the most specific level to say', () => {
  const never = { runtimeKey: 'cors.on', numerator: 0, denominator: 100 };
  const random = seededRandom(1);
  const off = new CorsPolicy([level({}), level({ enabled: never })]);
  expect(off.isEnabled(new StaticRuntime(), random)).toBe(false);
  expect(off.isEnabled(new StaticRuntime(new Map([['cors.on', '100']])), random)).toBe(true);
  expect(new CorsPolicy([level({ enabled: never }), level({})]).isEnabled(new StaticRuntime(), random)).toBe(true);
  expect(off.isShadowEnabled(new StaticRuntime(), random)).toBe(false);
});
