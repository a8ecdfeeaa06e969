import { describe, expect, test } from 'vitest';
import { applyDelta, hostDelta } from '../../src/cluster/host-delta.ts';
import type { HostRecord, HostUpdate } from '../../src/cluster/host-update.ts';
import { packDelta, packUpdate, unpackDelta, unpackUpdate } from '../../src/cluster/packed-hosts.ts';
import { NO_LOCALITY } from '../../src/lb/host.ts';
import { seededRandom } from '../../src/runtime/random.ts';

const random = seededRandom(11);
const oneOf = <T>(...values: readonly T[]): T => values[random.below(values.length)]!;

function record(i: number, metadata: HostRecord['metadata']): HostRecord {
  const pipe = random.below(20) === 0;
  return {
    ip: pipe ? '' : '10.0.0.' + i,
    port: pipe ? 0 : 80 + random.below(3),
    path: pipe ? '/tmp/socket' + i : '',
    hostname: oneOf('', '', 'name' + i),
    weight: oneOf(1, 1, 7),
    health: oneOf(0, 0, 4),
    metadata,
    locality: oneOf(NO_LOCALITY, { region: 'r', zone: 'z1', subZone: '' }, { region: 'r', zone: 'z1', subZone: '' }),
    localityWeight: oneOf(0, 3),
    additional: oneOf([], [], ['10.1.0.1:80', '[::1]:81']),
    check: oneOf(null, null, { port: 99, ip: '', path: '', hostname: 'checked', disabled: false }) as HostRecord['check'],
    slot: 16 * i,
  };
}

function update(hosts: readonly HostRecord[], version: number): HostUpdate {
  const half = hosts.length >> 1;
  const priorities = [{ hosts: hosts.slice(0, half) }, { hosts: hosts.slice(half) }];
  return { cluster: 'c', id: 3, priorities, version, overprovisioningFactor: 120, weightedPriorityHealth: true, dropOverload: 0.5 };
}

describe('hosts as text', () => {
  const kinds: [string, (i: number) => HostRecord['metadata']][] = [
    ['without metadata', () => null],
    ['with metadata of few kinds', (i) => oneOf(null, { 'envoy.lb': { version: 'v' + (i % 3) } })],
    ['with metadata of their own', (i) => ({ 'envoy.lb': { number: i, list: ['a', i] } })],
  ];
  test.each(kinds)('%s, whole and as a change', (_name, metadata) => {
    const hosts = Array.from({ length: 900 }, (_, i) => record(i, metadata(i)));
    const before = update(hosts, 1);
    expect(unpackUpdate(structuredClone(packUpdate(before)))).toEqual(before);
    const after = update(
      [...hosts.slice(0, 450), ...hosts.slice(470), ...Array.from({ length: 20 }, (_, i) => record(1000 + i, metadata(i)))],
      2,
    );
    const delta = hostDelta(before, after);
    if (delta === null) throw new Error('no delta');
    const told = unpackDelta(structuredClone(packDelta(delta)));
    expect(told).toEqual(delta);
    expect(applyDelta(before, told)).toEqual(after);
  });

  test('hosts that say the same share it, and a plain one takes little room', () => {
    const text = JSON.stringify(
      packUpdate(
        update(
          Array.from({ length: 400 }, (_, i) => ({ ...record(i, null), ...PLAIN, ip: '10.0.0.' + i })),
          1,
        ),
      ),
    );
    expect(text.length / 400).toBeLessThan(40);
    const told = unpackUpdate(packUpdate(update([record(1, { a: 1 }), record(2, { a: 1 }), record(3, { a: 1 }), record(4, { a: 1 })], 1)));
    const [first, second] = told.priorities[0]!.hosts;
    expect(first!.metadata).toEqual({ a: 1 });
    if (first!.locality === second!.locality) expect(first!.metadata).toBe(second!.metadata);
  });
});

const PLAIN = {
  path: '',
  port: 80,
  hostname: '',
  weight: 1,
  health: 0,
  locality: NO_LOCALITY,
  localityWeight: 0,
  additional: [],
  check: null,
};
