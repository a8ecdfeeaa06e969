import { describe, expect, test } from 'vitest';
import { Timer } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { TimerWheel } from '../../src/runtime/timer-wheel.ts';

function recorder(): { fired: string[]; timer(name: string, onFire?: () => void): Timer } {
  const fired: string[] = [];
  return {
    fired,
    timer: (name, onFire) =>
      new Timer(
        {
          onTimer: () => {
            fired.push(name);
            onFire?.();
          },
        },
        0,
      ),
  };
}

describe('timer wheel', () => {
  test('timers of every level expire at their tick, in order', () => {
    const wheel = new TimerWheel();
    const random = seededRandom(7);
    const expected = new Map<Timer, number>();
    const at = new Map<Timer, number>();
    for (let i = 0; i < 2000; i++) {
      const timer: Timer = new Timer({ onTimer: (t) => at.set(t, wheel.now) }, 0);
      // 1 to 2^26-1 ticks, evenly over the orders of magnitude.
      const tick = 1 + random.below(2 ** (1 + random.below(25)));
      expected.set(timer, tick);
      wheel.arm(timer, tick);
    }
    const step = () => 1 + random.below(100_000);
    while (wheel.size > 0) wheel.advance(wheel.now + step());
    for (const [timer, tick] of expected) expect(at.get(timer)).toBe(tick);
  });

  test('a disarmed timer does not expire, a re-armed one only at its last time', () => {
    const wheel = new TimerWheel();
    const { fired, timer } = recorder();
    const a = timer('a');
    const b = timer('b');
    wheel.arm(a, 5);
    wheel.arm(b, 5);
    wheel.disarm(a);
    wheel.arm(b, 300);
    wheel.advance(299);
    expect(fired).toEqual([]);
    wheel.advance(300);
    expect(fired).toEqual(['b']);
    expect(wheel.size).toBe(0);
  });

  test('a timer may arm itself and disarm others from its callback', () => {
    const wheel = new TimerWheel();
    const { fired, timer } = recorder();
    const victim = timer('victim');
    let left = 3;
    const again: Timer = timer('again', () => {
      wheel.disarm(victim);
      if (--left > 0) wheel.arm(again, wheel.now + 1);
    });
    wheel.arm(again, 1);
    wheel.arm(victim, 2);
    wheel.advance(10);
    expect(fired).toEqual(['again', 'again', 'again']);
  });

  test('an exception leaves the other timers of the tick to the next call', () => {
    const wheel = new TimerWheel();
    const { fired, timer } = recorder();
    wheel.arm(
      timer('throws', () => {
        throw new Error('bug');
      }),
      3,
    );
    wheel.arm(timer('other'), 3);
    expect(() => wheel.advance(10)).toThrow('bug');
    wheel.advance(10);
    expect(fired).toEqual(['throws', 'other']);
    expect(wheel.now).toBe(10);
  });

  test('tells when to look next, never too late', () => {
    const wheel = new TimerWheel();
    expect(wheel.ticksToNext()).toBe(Number.POSITIVE_INFINITY);
    const { timer } = recorder();
    wheel.arm(timer('near'), 17);
    expect(wheel.ticksToNext()).toBe(17);
    wheel.arm(timer('far'), 100_000);
    wheel.advance(17);
    expect(wheel.ticksToNext()).toBeLessThanOrEqual(100_000 - 17);
  });
});

describe('simulated clock', () => {
  test('timers see the time that they were due at', () => {
    const clock = new SimulatedClock();
    const seen: number[] = [];
    const timer = new Timer({ onTimer: () => seen.push(clock.nowMs()) }, 0);
    clock.arm(timer, 250);
    clock.advance(249);
    expect(seen).toEqual([]);
    clock.advance(1000);
    expect(seen).toEqual([250]);
    expect(clock.nowMs()).toBe(1249);
    expect(clock.wallMs() - 1_700_000_000_000).toBe(1249);
  });
});
