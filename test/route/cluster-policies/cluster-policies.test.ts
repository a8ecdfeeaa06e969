import { describe, expect, test } from 'vitest';
import { makeDetachedRoute } from '../../../src/filters/http/router/detached-stream.ts';
import { RequestHeaders } from '../../../src/http/header-map.ts';
import type { RetryPolicySettings } from '../../../src/resilience/retry-policy.ts';
import { ClusterPolicies } from '../../../src/route/cluster-policies/cluster-policies.ts';
import type { RouteAction } from '../../../src/route/route.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { lbContext } from '../../support/cluster-rig.ts';

const FORMAT = { clock: new SimulatedClock(), random: seededRandom(1), hostname: 'h', variable: () => undefined };
const RETRIES = { retryOn: 1, numRetries: 4 } as RetryPolicySettings;
const MIRROR = {
  cluster: 'copy',
  ...{ clusterHeader: '', fraction: null, disableShadowHostSuffixAppend: true, hostRewrite: '', headerChanges: [] },
};

function policies(more: Partial<ConstructorParameters<typeof ClusterPolicies>[0]>): ClusterPolicies {
  return new ClusterPolicies({ retryPolicy: null, hashPolicies: [], mirrors: [], ...more }, FORMAT);
}

function action(): RouteAction {
  const { action } = makeDetachedRoute(700);
  return { ...action, retryPolicy: { ...RETRIES, numRetries: 9 }, clusterName: () => 'named', hash: () => ({ hash: 7n, setCookies: [] }) };
}

describe('policies of a cluster', () => {
  const headers = new RequestHeaders('GET', '/', 'a.test', 'http');
  const { streamInfo } = lbContext({});

  test("what it does not say is the route's", () => {
    const route = action();
    const own = policies({ mirrors: [MIRROR] }).over(route);
    const { clusterName: _c, hash: _h, mirrors: _m, ...kept } = route;
    expect(own).toMatchObject(kept);
    expect([own.clusterName(headers, streamInfo), own.hash(headers, streamInfo)!.hash]).toEqual(['named', 7n]);
    expect(own.mirrors.map(({ cluster }) => cluster)).toEqual(['copy']);
  });

  test("what it says stands for the route's as a whole", () => {
    const route = action();
    const hash = { kind: 'header', name: 'x-key', rewrite: null, terminal: false };
    const own = policies({ retryPolicy: RETRIES, hashPolicies: [hash as never] }).over(route);
    expect(own.retryPolicy).toBe(RETRIES);
    expect(own.mirrors).toBe(route.mirrors);
    expect(own.hash(headers, streamInfo)).toBeNull();
  });

  test('an action is made once for each of the route', () => {
    const route = action();
    const made = policies({ retryPolicy: RETRIES });
    expect(made.over(route)).toBe(made.over(route));
    expect(made.over(action())).not.toBe(made.over(route));
  });
});
