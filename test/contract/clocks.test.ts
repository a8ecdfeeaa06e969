/** What owners of timers rely on, of the clock of a process and of that of tests. */
import { describe, expect, test } from 'vitest';
import { type Clock, Timer } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { RealClock } from '../../src/runtime/real-clock.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';

interface Driven {
  readonly clock: Clock;
  /** Lets time go on until `done`. */
  until(done: () => boolean): Promise<void>;
}

const clocks: Record<string, () => Driven> = {
  SimulatedClock: () => {
    const clock = new SimulatedClock();
    return {
      clock,
      until: async (done) => {
        while (!done()) clock.advance(3);
      },
    };
  },
  RealClock: () => ({
    clock: new RealClock(),
    until: async (done) => {
      while (!done()) await new Promise((resolve) => setImmediate(resolve));
    },
  }),
};

/** Writes down when its timers expired. */
class Recorder {
  readonly clock: Clock;
  readonly expired: { kind: number; at: number; armed: boolean }[] = [];
  onExpired: (timer: Timer) => void = () => undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }
  onTimer(timer: Timer): void {
    this.expired.push({ kind: timer.kind, at: this.clock.nowMs(), armed: timer.armed });
    this.onExpired(timer);
  }
  get kinds(): number[] {
    return this.expired.map((one) => one.kind);
  }
}

for (const [name, make] of Object.entries(clocks)) {
  describe(name, () => {
    test('no timer expires early, none twice, and each is disarmed when it does', async () => {
      const { clock, until } = make();
      const recorder = new Recorder(clock);
      const random = seededRandom(4);
      const start = clock.nowMs();
      const delays = Array.from({ length: 60 }, () => random.below(80) + random.below(10) / 10);
      delays.forEach((delay, kind) => void clock.arm(new Timer(recorder, kind), delay));
      await until(() => recorder.expired.length >= delays.length);
      const guard = new Timer(recorder, 999);
      clock.arm(guard, 30);
      await until(() => recorder.kinds.includes(999));
      expect(recorder.expired.length).toBe(delays.length + 1);
      expect(new Set(recorder.kinds).size).toBe(delays.length + 1);
      for (const { kind, at, armed } of recorder.expired) {
        expect(armed).toBe(false);
        if (kind < delays.length) expect(at - start).toBeGreaterThanOrEqual(delays[kind]!);
      }
    });

    test('a disarmed timer does not expire, and may be disarmed again', async () => {
      const { clock, until } = make();
      const recorder = new Recorder(clock);
      const stopped = new Timer(recorder, 1);
      const later = new Timer(recorder, 2);
      clock.arm(stopped, 20);
      clock.arm(later, 60);
      expect(stopped.armed).toBe(true);
      clock.disarm(stopped);
      clock.disarm(stopped);
      expect(stopped.armed).toBe(false);
      await until(() => recorder.expired.length > 0);
      expect(recorder.kinds).toEqual([2]);
    });

    test('arming an armed timer moves it, later or sooner', async () => {
      const { clock, until } = make();
      const recorder = new Recorder(clock);
      const put = new Timer(recorder, 1);
      const between = new Timer(recorder, 2);
      const pulled = new Timer(recorder, 3);
      const start = clock.nowMs();
      clock.arm(put, 10);
      clock.arm(pulled, 5_000);
      clock.arm(between, 50);
      clock.arm(put, 100);
      clock.arm(pulled, 10);
      await until(() => recorder.expired.length === 3);
      expect(recorder.kinds).toEqual([3, 2, 1]);
      expect(recorder.expired[2]!.at - start).toBeGreaterThanOrEqual(100);
    });

    test('a timer may arm itself, and others disarm, when it expires', async () => {
      const { clock, until } = make();
      const recorder = new Recorder(clock);
      const victim = new Timer(recorder, 2);
      recorder.onExpired = (timer) => {
        if (timer.kind !== 1 || recorder.expired.length >= 3) return;
        clock.disarm(victim);
        clock.arm(timer, 10);
      };
      clock.arm(new Timer(recorder, 1), 10);
      clock.arm(victim, 20);
      await until(() => recorder.expired.length === 3);
      expect(recorder.kinds).toEqual([1, 1, 1]);
      const [a, b, c] = recorder.expired.map((one) => one.at) as [number, number, number];
      expect(b - a).toBeGreaterThanOrEqual(10);
      expect(c - b).toBeGreaterThanOrEqual(10);
    });

    test('a delay of nothing expires, though not from inside arm', async () => {
      const { clock, until } = make();
      const recorder = new Recorder(clock);
      clock.arm(new Timer(recorder, 1), 0);
      expect(recorder.kinds).toEqual([]);
      await until(() => recorder.expired.length === 1);
    });

    test('time does not go back, and both readings move together', async () => {
      const { clock, until } = make();
      let last = clock.nowMs();
      const wall = clock.wallMs();
      const end = last + 20;
      await until(() => {
        const now = clock.nowMs();
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
        return now >= end;
      });
      expect(clock.wallMs()).toBeGreaterThanOrEqual(wall);
    });
  });
}
