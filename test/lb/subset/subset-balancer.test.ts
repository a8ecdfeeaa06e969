import { describe, expect, test } from 'vitest';
import type { Host } from '../../../src/lb/host.ts';
import { makeHostSet } from '../../../src/lb/host-set.ts';
import type { BalanceContext, LoadBalancer } from '../../../src/lb/load-balancer.ts';
import { DEFAULT_LOCALITY_POLICY } from '../../../src/lb/locality/policy.ts';
import { RoundRobinBalancer } from '../../../src/lb/round-robin.ts';
import type { SubsetSelectorSettings, SubsetSettings } from '../../../src/lb/subset/settings.ts';
import { SubsetBalancer } from '../../../src/lb/subset/subset-balancer.ts';
import { ANY, balancerDeps, type HostKind, host } from '../../support/lb-rig.ts';

const selector = (...keys: string[]): SubsetSelectorSettings => ({ keys, fallback: 'NOT_DEFINED', fallbackKeys: [], singleHost: false });

const BASE: SubsetSettings = {
  fallback: 'NO_FALLBACK',
  defaultSubset: {},
  selectors: [selector('version')],
  localityWeightAware: false,
  scaleLocalityWeight: false,
  panicModeAny: false,
  listAsAny: false,
  fallbackList: false,
  allowRedundantKeys: false,
};

const labelled = (fields: Record<string, unknown> | null, kind: HostKind = 'healthy'): Host => {
  const made = host(1, kind);
  made.metadata = fields === null ? null : { 'envoy.lb': fields };
  return made;
};

const wants = (metadataMatch: Record<string, unknown>): BalanceContext => ({ ...ANY, metadataMatch });

function rig(settings: Partial<SubsetSettings>, weighted = false) {
  const deps = balancerDeps({ locality: { ...DEFAULT_LOCALITY_POLICY, weighted } });
  let made = 0;
  const inside: LoadBalancer[] = [];
  const balancer = new SubsetBalancer({ ...BASE, ...settings }, deps.scope, () => {
    made++;
    const child = new RoundRobinBalancer(deps);
    inside.push(child);
    return child;
  });
  const update = (...priorities: Host[][]) =>
    balancer.update(
      priorities.map((hosts, p) => makeHostSet(p, hosts, 140, { weightedPriorityHealth: false, byLocality: weighted, local: null })),
    );
  return { balancer, update, made: () => made, stat: (name: string) => deps.stats.value(name) };
}

describe('subsets come and go with their hosts', () => {
  test('counted, and balanced anew', () => {
    const { balancer, update, stat } = rig({});
    const [one, two, three] = [labelled({ version: '1' }), labelled({ version: '2' }), labelled({ version: '2' })];
    update([one, two]);
    expect([stat('lb_subsets_active'), stat('lb_subsets_created'), stat('lb_subsets_removed')]).toEqual([2, 2, 0]);
    const v2 = wants({ version: '2' });
    expect(balancer.chooseHost(v2)).toBe(two);
    update([one, two, three]);
    expect(new Set([balancer.chooseHost(v2), balancer.chooseHost(v2)])).toEqual(new Set([two, three]));
    update([one]);
    expect(balancer.chooseHost(v2)).toBeNull();
    expect([stat('lb_subsets_active'), stat('lb_subsets_created'), stat('lb_subsets_removed')]).toEqual([1, 2, 1]);
    update([one, three]);
    expect(balancer.chooseHost(v2)).toBe(three);
    expect([stat('lb_subsets_active'), stat('lb_subsets_created'), stat('lb_subsets_removed')]).toEqual([2, 3, 1]);
  });

  test('metadata of a host that stays may change', () => {
    const { balancer, update } = rig({});
    const moving = labelled({ version: '1' });
    update([moving]);
    expect(balancer.chooseHost(wants({ version: '1' }))).toBe(moving);
    moving.metadata = { 'envoy.lb': { version: '2' } };
    update([moving]);
    expect(balancer.chooseHost(wants({ version: '1' }))).toBeNull();
    expect(balancer.chooseHost(wants({ version: '2' }))).toBe(moving);
  });

  test('health that changes inside a subset is seen', () => {
    const { balancer, update } = rig({});
    const hosts = [labelled({ version: '1' }), labelled({ version: '1' }), labelled({ version: '1' })];
    update(hosts);
    const v1 = wants({ version: '1' });
    for (let i = 0; i < 3; i++) balancer.chooseHost(v1);
    hosts[0]!.endpointHealth = 4;
    update(hosts);
    for (let i = 0; i < 6; i++) expect(balancer.chooseHost(v1)).not.toBe(hosts[0]);
  });

  test('a balancer is made for the subsets that are asked for, not for all', () => {
    const { balancer, update, made, stat } = rig({ selectors: [selector('id')] });
    const hosts = Array.from({ length: 5000 }, (_, i) => labelled({ id: String(i) }));
    update(hosts);
    expect([made(), stat('lb_subsets_active')]).toEqual([0, 5000]);
    for (const i of [7, 4999, 7]) expect(balancer.chooseHost(wants({ id: String(i) }))).toBe(hosts[i]);
    expect(made()).toBe(2);
  });
});

describe('inside a subset', () => {
  test('priorities and panic are those of the subset', () => {
    const { balancer, update, stat } = rig({});
    const sick = labelled({ version: '1' }, 'unhealthy');
    const spare = labelled({ version: '1' });
    const other = labelled({ version: '2' }, 'unhealthy');
    update([sick, other, labelled({ version: '3' })], [spare]);
    for (let i = 0; i < 20; i++) expect(balancer.chooseHost(wants({ version: '1' }))).toBe(spare);
    expect(balancer.chooseHost(wants({ version: '2' }))).toBe(other);
    expect(stat('lb_healthy_panic')).toBe(1);
  });

  function zone(name: string, weight: number, versions: string[]): Host[] {
    return versions.map((version) => {
      const made = labelled({ version });
      made.locality = { region: '', zone: name, subZone: '' };
      made.localityWeight = weight;
      return made;
    });
  }

  // Half of zone x is in the subset, all of zone y.
  test.each([
    ['not aware of locality weights: by hosts', {}, [200, 400]],
    ['aware: by weight', { localityWeightAware: true }, [450, 150]],
    [
      'aware and scaled: by weight and by what is left of the locality',
      { localityWeightAware: true, scaleLocalityWeight: true },
      [400, 200],
    ],
  ] as const)('%s', (_name, settings, expected) => {
    const { balancer, update } = rig(settings, true);
    const weightX = 'scaleLocalityWeight' in settings ? 4 : 3;
    update([...zone('x', weightX, ['1', '2']), ...zone('y', 1, ['1', '1'])]);
    const counts = { x: 0, y: 0 };
    for (let i = 0; i < 600; i++) counts[balancer.chooseHost(wants({ version: '1' }))!.locality.zone as 'x']++;
    expect([counts.x, counts.y]).toEqual(expected);
  });
});

describe('one host a subset', () => {
  test('whatever its priority and health; further hosts are counted as duplicates', () => {
    const { balancer, update, stat, made } = rig({ selectors: [{ ...selector('version'), singleHost: true }] });
    const first = labelled({ version: '1' }, 'unhealthy');
    const second = labelled({ version: '2' });
    update([first, labelled({ version: '1' })], [second]);
    expect(balancer.chooseHost(wants({ version: '1' }))).toBe(first);
    expect(balancer.chooseHost(wants({ version: '2' }))).toBe(second);
    expect([stat('lb_subsets_single_host_per_subset_duplicate'), made()]).toEqual([1, 0]);
  });
});

describe('names of subsets', () => {
  test('values that would run together are kept apart', () => {
    const { balancer, update } = rig({ selectors: [selector('a', 'b')] });
    const one = labelled({ a: 'x\ny', b: 'z' });
    const two = labelled({ a: 'x', b: 'y\nz' });
    update([one, two]);
    expect(balancer.chooseHost(wants({ a: 'x\ny', b: 'z' }))).toBe(one);
    expect(balancer.chooseHost(wants({ b: 'y\nz', a: 'x' }))).toBe(two);
    expect(balancer.chooseHost(wants({ a: 'x', b: 'y' }))).toBeNull();
  });
});

test('ten thousand hosts with three selectors are indexed in a fraction of a second, and found by one look-up', () => {
  const { balancer, update, stat } = rig({ selectors: [selector('version'), selector('stage', 'version'), selector('id')] });
  const hosts = Array.from({ length: 10_000 }, (_, i) => labelled({ version: String(i % 10), stage: String(i % 7), id: String(i) }));
  update(hosts);
  expect(stat('lb_subsets_active')).toBe(10 + 70 + 10_000);
  expect(balancer.chooseHost(wants({ id: '1234' }))).toBe(hosts[1234]);
  const chosen = balancer.chooseHost(wants({ version: '3', stage: '5' }))!;
  expect(chosen.metadata).toMatchObject({ 'envoy.lb': { version: '3', stage: '5' } });
});
