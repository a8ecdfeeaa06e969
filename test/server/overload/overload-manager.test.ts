import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/runtime/logger.ts';
import { newOverloadCells, Overload, OverloadState, SATURATED, ScaledTimer } from '../../../src/runtime/overload.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { StaticRuntime } from '../../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { OverloadManager } from '../../../src/server/overload/overload-manager.ts';
import type { OverloadSettings, ReactionSettings } from '../../../src/server/overload/settings.ts';
import { PlainStats } from '../../support/plain-stats.ts';

const ACTION = 'envoy.overload_actions.';
const action = (name: string, cell: Overload | null, scaling: number, saturation = scaling): ReactionSettings => ({
  name: ACTION + name,
  cell,
  triggers: [{ monitor: 'heap', scaling, saturation }],
});

class Rig {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  readonly cells = newOverloadCells();
  readonly state = new OverloadState(this.cells, seededRandom(7));
  readonly told: string[] = [];
  heap = 0;
  file = '';
  readonly manager: OverloadManager;

  constructor(actions: readonly ReactionSettings[], more: Partial<OverloadSettings> = {}) {
    this.manager = new OverloadManager(
      {
        refreshIntervalMs: 1000,
        monitors: [{ kind: 'fixed-heap', name: 'heap', maxBytes: 1000, runtimeKey: '' }],
        actions,
        points: [],
        timers: [],
        minimumAccountPower: 10,
        shrinkIntervalMs: 10_000,
        ...more,
      },
      {
        clock: this.clock,
        logger: silentLogger,
        rootScope: this.stats,
        cells: this.cells,
        sources: {
          nowMs: () => this.clock.nowMs(),
          readFile: () => this.file,
          residentBytes: () => this.heap,
          connections: () => 3,
          runtime: new StaticRuntime(),
        },
        effects: {
          holdConnections: (hold) => this.told.push(hold ? 'hold' : 'release'),
          shrinkHeap: () => this.told.push('shrink'),
          resetStreams: (minBytes) => this.told.push(`reset ${minBytes}`),
        },
      },
    );
    this.manager.start();
  }

  /** Says how full the heap is, in percent, and lets a second pass. */
  fill(percent: number): void {
    this.heap = percent * 10;
    this.clock.advance(1000);
  }

  stat(name: string): number {
    return this.stats.value(`overload.${name}`);
  }
}

describe('actions', () => {
  test('a threshold is reached or not', () => {
    const rig = new Rig([action('stop_accepting_requests', Overload.StopRequests, 0.9)]);
    const seen = [0, 89, 90, 100, 50].map((percent) => {
      rig.fill(percent);
      return rig.state.active(Overload.StopRequests);
    });
    expect(seen).toEqual([false, false, true, true, false]);
    expect(rig.stat('heap.pressure')).toBe(50);
    expect(rig.stat(`${ACTION}stop_accepting_requests.active`)).toBe(0);
  });

  test('nothing is active: one cell says so', () => {
    const rig = new Rig([action('stop_accepting_requests', Overload.StopRequests, 0.9), action('disable_http_keepalive', 2, 0.5)]);
    expect(rig.state.any).toBe(false);
    rig.fill(60);
    expect(rig.state.any).toBe(true);
    rig.fill(40);
    expect(rig.state.any).toBe(false);
  });

  test('between its two thresholds a scaled trigger draws by the pressure', () => {
    const rig = new Rig([action('stop_accepting_requests', Overload.StopRequests, 0.5, 0.9)]);
    rig.fill(60);
    expect(rig.stat(`${ACTION}stop_accepting_requests.scale_percent`)).toBe(25);
    expect(rig.stat(`${ACTION}stop_accepting_requests.active`)).toBe(0);
    let refused = 0;
    for (let i = 0; i < 100_000; i++) if (rig.state.active(Overload.StopRequests)) refused++;
    // Five standard deviations of a binomial distribution with p = 1/4.
    expect(Math.abs(refused - 25_000)).toBeLessThan(5 * Math.sqrt(100_000 * 0.25 * 0.75));
    rig.fill(90);
    expect(rig.stat(`${ACTION}stop_accepting_requests.active`)).toBe(1);
  });

  test('the worst of several triggers decides', () => {
    const two: ReactionSettings = {
      name: `${ACTION}reject_incoming_connections`,
      cell: Overload.RejectConnections,
      triggers: [
        { monitor: 'heap', scaling: 0.9, saturation: 0.9 },
        { monitor: 'connections', scaling: 0.2, saturation: 0.4 },
      ],
    };
    const rig = new Rig([two], {
      monitors: [
        { kind: 'fixed-heap', name: 'heap', maxBytes: 1000, runtimeKey: '' },
        { kind: 'connections', name: 'connections', max: 10 },
      ],
    });
    expect(rig.stat(`${two.name}.scale_percent`)).toBe(50);
    rig.fill(95);
    expect(rig.stat(`${two.name}.scale_percent`)).toBe(100);
  });

  test('stop_accepting_connections is told once in each direction, and only when saturated', () => {
    const rig = new Rig([action('stop_accepting_connections', null, 0.5, 0.9)]);
    for (const percent of [60, 90, 95, 80, 40]) rig.fill(percent);
    expect(rig.told).toEqual(['hold', 'release']);
  });

  test('shrink_heap runs at its own interval while saturated', () => {
    const rig = new Rig([action('shrink_heap', null, 0.9)]);
    rig.fill(95);
    rig.clock.advance(29_000);
    expect(rig.told).toEqual(['shrink', 'shrink', 'shrink']);
    expect(rig.stat(`${ACTION}shrink_heap.shrink_count`)).toBe(3);
    rig.fill(10);
    rig.clock.advance(60_000);
    expect(rig.told).toHaveLength(3);
  });

  test('reset_high_memory_stream takes in more classes of streams as the pressure rises', () => {
    const rig = new Rig([action('reset_high_memory_stream', null, 0.5, 0.9)]);
    for (const percent of [50, 51, 70, 90]) rig.fill(percent);
    expect(rig.told).toEqual([`reset ${2 ** 17}`, `reset ${2 ** 13}`, `reset ${2 ** 10}`]);
  });
});

describe('resources', () => {
  test('a reading that fails leaves the last pressure in force', () => {
    const rig = new Rig(
      [{ ...action('stop_accepting_requests', 1, 0.9), triggers: [{ monitor: 'file', scaling: 0.9, saturation: 0.9 }] }],
      {
        monitors: [{ kind: 'file', name: 'file', path: '/p' }],
      },
    );
    expect(rig.stat('file.failed_updates')).toBe(1);
    for (const text of ['0.95', 'nonsense', '1.5', '-1']) {
      rig.file = text;
      rig.clock.advance(1000);
    }
    expect(rig.state.active(Overload.StopRequests)).toBe(true);
    expect(rig.stat('file.failed_updates')).toBe(4);
    expect(rig.stat('file.pressure')).toBe(95);
  });
});

describe('what workers read', () => {
  test('a timer shrinks to its minimum as the pressure rises', () => {
    const cells = newOverloadCells();
    const state = new OverloadState(cells, seededRandom(1));
    state.configure(
      {
        points: {},
        timers: [
          { timer: ScaledTimer.ConnectionIdle, minMs: 2000, minScale: 0 },
          { timer: ScaledTimer.StreamIdle, minMs: null, minScale: 0.1 },
        ],
        refreshIntervalMs: 100,
      },
      () => ({ inc: () => undefined }),
    );
    const scale = (value: number) => {
      new Int32Array(cells)[Overload.ReduceTimeouts] = value * SATURATED;
      return [ScaledTimer.ConnectionIdle, ScaledTimer.StreamIdle, ScaledTimer.ConnectionMax].map((timer) => state.timeoutMs(timer, 10_000));
    };
    expect(scale(0)).toEqual([10_000, 10_000, 10_000]);
    expect(scale(0.5)).toEqual([6000, 5500, 10_000]);
    expect(scale(1)).toEqual([2000, 1000, 10_000]);
    // Only timers that may shrink are looked at before they are due.
    expect(state.lookMs(ScaledTimer.ConnectionIdle, 6000)).toBe(100);
    expect(state.lookMs(ScaledTimer.ConnectionMax, 6000)).toBe(6000);
  });
});
