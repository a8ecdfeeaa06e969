/** Endpoints that a discovery service has to renew: endpoint_stale_after. */
import { expect, test } from 'vitest';
import { ClusterControl } from '../../src/cluster/cluster-control.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { DEFAULT_ASSIGNMENT, DEFAULT_CLUSTER, DEFAULT_LOCALITY } from '../../src/cluster/settings.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { endpoint } from '../support/cluster-rig.ts';
import { PlainStats } from '../support/plain-stats.ts';

async function rig() {
  const clock = new SimulatedClock();
  const stats = new PlainStats();
  const control = new ClusterControl(ClusterRegistry.of([{ ...DEFAULT_CLUSTER, name: 'c', type: 'EDS' }]), {
    ...{ clock, random: seededRandom(1), runtime: new StaticRuntime(), slab: SharedSlab.create(1 << 12, 1 << 4), rootScope: stats },
    newResolver: () => {
      throw new Error('no names here');
    },
    publish: () => undefined,
    publishHealth: () => undefined,
  });
  await control.start();
  const tell = (staleAfterMs: number, ...ips: string[]) =>
    control.setEndpoints('c', [{ ...DEFAULT_LOCALITY, endpoints: ips.map((ip) => endpoint(ip, 80)) }], DEFAULT_ASSIGNMENT, staleAfterMs);
  const hosts = () => control.discoveredHosts('c')!.priorities.flatMap((priority) => priority.hosts.map(({ ip }) => ip));
  const stat = (name: string) => stats.value('cluster.c.' + name);
  return { clock, control, tell, hosts, stat };
}

test('endpoints go when none have followed in time', async () => {
  const { clock, tell, hosts, stat } = await rig();
  tell(2000, '10.0.0.1', '10.0.0.2');
  expect([stat('assignment_timeout_received'), stat('assignment_stale')]).toEqual([1, 0]);
  clock.advance(1990);
  expect(hosts()).toEqual(['10.0.0.1', '10.0.0.2']);
  clock.advance(20);
  expect(hosts()).toEqual([]);
  expect([stat('assignment_timeout_received'), stat('assignment_stale')]).toEqual([1, 1]);
  tell(2000, '10.0.0.1');
  expect(hosts()).toEqual(['10.0.0.1']);
});

test('a newer list counts from its own time, or not at all', async () => {
  const { clock, tell, hosts, stat } = await rig();
  tell(2000, '10.0.0.1');
  clock.advance(1500);
  tell(2000, '10.0.0.1');
  clock.advance(1500);
  expect(hosts()).toEqual(['10.0.0.1']);
  tell(0, '10.0.0.1');
  clock.advance(60_000);
  expect(hosts()).toEqual(['10.0.0.1']);
  expect([stat('assignment_timeout_received'), stat('assignment_stale')]).toEqual([2, 0]);
});

test('a cluster that is gone has no endpoints to lose', async () => {
  const { clock, control, tell, stat } = await rig();
  tell(2000, '10.0.0.1');
  control.remove('c');
  expect(clock.armed).toBe(0);
  clock.advance(5000);
  expect(stat('assignment_stale')).toBe(0);
});
