/** Viewers of the live page: what they cost is bounded, however many they are and however slowly they read. */
import { describe, expect, test } from 'vitest';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { DEFAULT_CLUSTER } from '../../src/cluster/settings.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { LivePage, MAX_VIEWERS } from '../../src/page/live-page.ts';
import type { PageSnapshot, PageTick } from '../../src/page/snapshot.ts';
import type { PageSource } from '../../src/page/source.ts';
import type { WorkerSample } from '../../src/page/worker/recorder.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { nextTurn } from '../../src/runtime/turn.ts';
import { StatsAggregate } from '../../src/stats/aggregate.ts';

class Rig {
  readonly clock = new SimulatedClock();
  readonly watched: boolean[] = [];
  samples = 0;
  version = 1;
  readonly registry = ClusterRegistry.of([
    { ...DEFAULT_CLUSTER, name: 'web' },
    { ...DEFAULT_CLUSTER, name: 'db' },
  ]);
  readonly page: LivePage;

  constructor() {
    const source: PageSource = {
      clock: this.clock,
      stats: new StatsAggregate(),
      slab: SharedSlab.create(1 << 16, 1 << 10),
      runtime: new StaticRuntime(new Map()),
      catalog: this.registry.catalog,
      instance: 'test',
      server: () => ({
        ...{ version: '1', state: 'LIVE', uptimeS: 1, concurrency: 1, nodeId: '', nodeCluster: '', waitingFor: [] },
        ...{ healthCheckFailed: false, draining: false, logLevel: 'info', logLevels: {}, memoryBytes: 0 },
      }),
      version: () => this.version,
      listeners: () => [],
      addressesOf: () => [],
      routeTable: () => null,
      addedViaApi: () => false,
      discoveredHosts: () => null,
      ownHosts: () => [],
      outlier: () => ({
        ...{ successRateAverage: -1, successRateEjectionThreshold: -1 },
        ...{ localOriginSuccessRateAverage: -1, localOriginSuccessRateEjectionThreshold: -1 },
        hostRate: () => -1,
        ejection: () => null,
      }),
      certificates: () => [],
      sampleWorkers: async (): Promise<readonly WorkerSample[]> => {
        this.samples++;
        return [];
      },
      watch: (counting) => this.watched.push(counting),
    };
    this.page = new LivePage(source);
    // Its seconds begin on the second; ours in the middle of one.
    this.clock.advance(500);
  }

  /** A second goes by, and all that follows from it. */
  async second(): Promise<void> {
    this.clock.advance(1000);
    for (let turn = 0; turn < 5; turn++) await nextTurn();
  }
}

interface Message {
  readonly event: string;
  readonly data: PageSnapshot & PageTick;
}

async function read(stream: AsyncGenerator<Uint8Array>): Promise<Message | null> {
  const { value, done } = await stream.next();
  if (done === true) return null;
  const text = Buffer.from(value as Uint8Array).toString();
  return { event: /^event: (.*)$/m.exec(text)![1]!, data: JSON.parse(/^data: (.*)$/m.exec(text)![1]!) };
}

/** Reads the next message, for which a second has to go by. */
async function afterSecond(rig: Rig, stream: AsyncGenerator<Uint8Array>): Promise<Message | null> {
  const message = read(stream);
  await nextTurn();
  await rig.second();
  return message;
}

describe('a viewer', () => {
  test('gets a snapshot, then a tick each second', async () => {
    const rig = new Rig();
    const stream = rig.page.events([]);
    const first = await read(stream);
    expect(first).toMatchObject({ event: 'snapshot', data: { instance: 'test', clusters: [{ name: 'web' }, { name: 'db' }] } });
    expect((await afterSecond(rig, stream))!.event).toBe('tick');
    expect((await afterSecond(rig, stream))!.data.seq).toBe(first!.data.tick.seq + 2);
  });

  test('that reads slowly has nothing kept for it: it begins anew with what is', async () => {
    const rig = new Rig();
    const stream = rig.page.events([]);
    const first = await read(stream);
    for (let i = 0; i < 100; i++) await rig.second();
    const next = await read(stream);
    expect(next!.event).toBe('snapshot');
    expect(next!.data.tick.seq).toBe(first!.data.tick.seq + 100);
    expect((await afterSecond(rig, stream))!.event).toBe('tick');
  });

  test('is told what changes, and not what stays', async () => {
    const rig = new Rig();
    const stream = rig.page.events([]);
    const before = await read(stream);
    expect((await afterSecond(rig, stream))!.data.changes).toBeNull();
    rig.registry.set({ ...DEFAULT_CLUSTER, name: 'new' });
    rig.registry.remove('web');
    rig.version++;
    const { changes } = (await afterSecond(rig, stream))!.data;
    expect(changes!.clusters.map(({ name }) => name)).toEqual(['new']);
    expect(changes!.removed).toEqual([before!.data.clusters.find(({ name }) => name === 'web')!.id]);
    expect((await afterSecond(rig, stream))!.data.changes).toBeNull();
  });

  test('one too many is told so, and the place of one that left is free', async () => {
    const rig = new Rig();
    const streams = Array.from({ length: MAX_VIEWERS }, () => rig.page.events([]));
    for (const stream of streams) expect((await read(stream))!.event).toBe('snapshot');
    const late = rig.page.events([]);
    expect((await read(late))!.event).toBe('full');
    expect(await read(late)).toBeNull();
    await streams[0]!.return(undefined);
    expect((await read(rig.page.events([])))!.event).toBe('snapshot');
  });

  test('is let go when the process ends', async () => {
    const rig = new Rig();
    const stream = rig.page.events([]);
    await read(stream);
    const last = read(stream);
    await nextTurn();
    rig.page.close();
    expect(await last).toBeNull();
  });
});

describe('without viewers', () => {
  test('workers are asked nothing; a minute after the last one they stop counting', async () => {
    const rig = new Rig();
    for (let i = 0; i < 10; i++) await rig.second();
    expect(rig).toMatchObject({ samples: 0, watched: [] });
    const stream = rig.page.events([]);
    await read(stream);
    expect(rig.watched).toEqual([true]);
    await stream.return(undefined);
    for (let i = 0; i < 59; i++) await rig.second();
    expect(rig.watched).toEqual([true]);
    for (let i = 0; i < 5; i++) await rig.second();
    expect(rig.watched).toEqual([true, false]);
    const asked = rig.samples;
    for (let i = 0; i < 10; i++) await rig.second();
    expect(rig.samples).toBe(asked);
    const again = rig.page.events([]);
    expect((await read(again))!.event).toBe('snapshot');
    expect(rig.watched).toEqual([true, false, true]);
  });

  test('one look waits for rates', async () => {
    const rig = new Rig();
    const look = rig.page.snapshot();
    await nextTurn();
    for (let i = 0; i < 3; i++) await rig.second();
    expect((JSON.parse((await look)!) as PageSnapshot).tick.seq).toBeGreaterThanOrEqual(2);
  });

  test('the history of the whole is kept, a quarter of an hour of it', async () => {
    const rig = new Rig();
    for (let i = 0; i < 1000; i++) {
      rig.clock.advance(1000);
      await nextTurn();
    }
    const [known, unknown] = rig.page.history(['total.rps', 'cluster.web.rps']).series;
    expect(known!.values).toHaveLength(900);
    expect(known!.values.every((value) => value === 0)).toBe(true);
    expect(unknown!.values).toEqual([]);
  });
});
