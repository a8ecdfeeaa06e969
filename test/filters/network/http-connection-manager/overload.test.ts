/** What a connection manager does while the overload manager's actions are active; test/envoy/scenarios/overload.ts compares it with Envoy. */
import { describe, expect, test } from 'vitest';
import { newOverloadCells, Overload, OverloadState, SATURATED, ScaledTimer } from '../../../../src/runtime/overload.ts';
import { seededRandom } from '../../../../src/runtime/random.ts';
import { HcmRig } from '../../../support/hcm-rig.ts';

function overload(): { state: OverloadState; set(action: Overload, share: number): void } {
  const cells = newOverloadCells();
  const state = new OverloadState(cells, seededRandom(3));
  state.configure(
    {
      points: {},
      timers: [
        { timer: ScaledTimer.ConnectionIdle, minMs: 2000, minScale: 0 },
        { timer: ScaledTimer.StreamIdle, minMs: null, minScale: 0.1 },
        { timer: ScaledTimer.ConnectionMax, minMs: 1000, minScale: 0 },
      ],
      refreshIntervalMs: 100,
    },
    () => ({ inc: () => undefined }),
  );
  return {
    state,
    set: (action, share) => {
      const view = new Int32Array(cells);
      view[action] = share * SATURATED;
      view[Overload.Any] = share > 0 ? 1 : 0;
    },
  };
}

describe('reduce_timeouts', () => {
  test('an idle connection ends earlier, also one that was idle before the pressure rose', () => {
    const pressure = overload();
    const rig = new HcmRig({ settings: { idleTimeoutMs: 10_000, drainTimeoutMs: 1000 }, overload: pressure.state });
    rig.connect();
    rig.clock.advance(4000);
    expect(rig.count('cx_idle_timeout')).toBe(0);
    // Halfway between 10 s and 2 s is 6 s.
    pressure.set(Overload.ReduceTimeouts, 0.5);
    rig.clock.advance(1800);
    expect(rig.count('cx_idle_timeout')).toBe(0);
    rig.clock.advance(400);
    expect(rig.count('cx_idle_timeout')).toBe(1);
  });

  test('without pressure it lasts as long as configured', () => {
    const rig = new HcmRig({ settings: { idleTimeoutMs: 10_000 }, overload: overload().state });
    rig.connect();
    rig.clock.advance(9900);
    expect(rig.count('cx_idle_timeout')).toBe(0);
    rig.clock.advance(300);
    expect(rig.count('cx_idle_timeout')).toBe(1);
  });

  test('the longest time of a connection shrinks too', () => {
    const pressure = overload();
    const rig = new HcmRig({ settings: { maxConnectionDurationMs: 10_000 }, overload: pressure.state });
    rig.connect();
    rig.clock.advance(3000);
    pressure.set(Overload.ReduceTimeouts, 1);
    rig.clock.advance(200);
    expect(rig.count('cx_max_duration_reached')).toBe(1);
  });
});
