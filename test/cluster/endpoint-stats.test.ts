import { expect, test } from 'vitest';
import { EndpointStats } from '../../src/cluster/endpoint-stats.ts';
import { type HostUpdate, hostRecord } from '../../src/cluster/host-update.ts';
import { DEFAULT_ASSIGNMENT, DEFAULT_ENDPOINT } from '../../src/cluster/settings.ts';
import { HOST_CELLS, Host, HostResult } from '../../src/lb/host.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { PlainStats } from '../support/plain-stats.ts';

test('counts of all workers by address; an address that leaves keeps its totals and has nothing in flight', () => {
  const slab = SharedSlab.create(1 << 12, 16);
  const stats = new PlainStats('cluster.c.');
  const endpoints = new EndpointStats(stats, slab);
  const slots = [slab.allocate(HOST_CELLS), slab.allocate(HOST_CELLS)];
  const records = slots.map((slot, i) => hostRecord({ ...DEFAULT_ENDPOINT, port: 80 }, `10.0.0.${i + 1}`, null, 0, slot));
  const update = (n: number): HostUpdate => ({
    cluster: 'c',
    id: 0,
    priorities: [{ hosts: records.slice(0, n) }],
    ...DEFAULT_ASSIGNMENT,
    version: 0,
  });
  const host = new Host({ kind: 'ip', ip: '10.0.0.2', port: 80, version: 4, path: '', text: '10.0.0.2:80' }, '', slab.cells, slots[1]!);
  host.connectionOpened();
  host.requestStarted();
  host.onResult(HostResult.Error);
  const value = (name: string) => stats.value('cluster.c.endpoint.10.0.0.2_80.' + name);
  endpoints.refresh(update(2));
  endpoints.refresh(update(2));
  expect(['cx_total', 'cx_active', 'rq_total', 'rq_active', 'rq_error', 'rq_success', 'healthy'].map(value)).toEqual([1, 1, 1, 1, 1, 0, 1]);
  expect(stats.value('cluster.c.endpoint.10.0.0.1_80.rq_total')).toBe(0);
  endpoints.refresh(update(1));
  expect(['cx_total', 'cx_active', 'rq_total', 'rq_active', 'healthy'].map(value)).toEqual([1, 0, 1, 0, 0]);
});
