import { describe, expect, test } from 'vitest';
import type { FilterDeps, HttpStream } from '../../src/filters/api.ts';
import { createAdmissionControl } from '../../src/filters/http/admission-control/filter.ts';
import { RequestWindow } from '../../src/filters/http/admission-control/request-window.ts';
import type { AdmissionControlSettings } from '../../src/filters/http/admission-control/settings.ts';
import { RequestHeaders, ResponseHeaders } from '../../src/http/header-map.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from '../support/plain-stats.ts';

const fixed = (value: number) => ({ value, runtimeKey: '' });
const SETTINGS: AdmissionControlSettings = {
  enabled: { value: true, runtimeKey: '' },
  httpSuccess: [[100, 500]],
  grpcSuccess: [0],
  windowS: 30,
  aggression: fixed(1),
  successRateThreshold: fixed(95),
  rpsThreshold: fixed(0),
  maxRejectionProbability: fixed(80),
};

/** Requests at a steady rate through the filter, and what became of them. */
class Load {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  readonly #factory;
  readonly #stream;
  #refused = false;

  constructor(settings: Partial<AdmissionControlSettings> = {}) {
    const deps = { clock: this.clock, runtime: new StaticRuntime(), scope: this.stats } as unknown as FilterDeps;
    this.#factory = createAdmissionControl({ ...SETTINGS, ...settings }, deps);
    this.#stream = {
      random: seededRandom(11),
      info: { isHealthCheck: false },
      localReply: () => {
        this.#refused = true;
      },
    } as unknown as HttpStream;
  }

  /** @param failing share of the requests that the upstream fails @returns share that was refused */
  run(requests: number, perSecond: number, failing: number): number {
    const random = seededRandom(23);
    let refused = 0;
    for (let i = 0; i < requests; i++) {
      this.clock.advance(1000 / perSecond);
      const filter = this.#factory.newFilter(null, 'ac');
      this.#refused = false;
      filter.onRequestHeaders(this.#stream, new RequestHeaders('GET', '/'), true);
      if (this.#refused) refused++;
      else filter.onResponseHeaders(this.#stream, new ResponseHeaders(random.nextU32() / 2 ** 32 < failing ? 503 : 200), true);
    }
    return refused / requests;
  }
}

describe('share of refused requests', () => {
  test('nothing is refused as long as the success rate is at the threshold', () => {
    expect(new Load().run(20_000, 100, 0)).toBe(0);
    expect(new Load({ successRateThreshold: fixed(50) }).run(20_000, 100, 0.2)).toBe(0);
  });

  test.each([
    // failing, threshold %, aggression: (1 - (1 - failing) / threshold) ^ (1 / aggression), at most 0.8
    [0.5, 95, 1, 1 - 0.5 / 0.95],
    [0.2, 95, 1, 1 - 0.8 / 0.95],
    [0.2, 95, 2, Math.sqrt(1 - 0.8 / 0.95)],
    [0.5, 80, 1.5, (1 - 0.5 / 0.8) ** (1 / 1.5)],
    [1, 95, 1, 0.8],
  ])('%f of them failing, threshold %i %%, aggression %f', (failing, threshold, aggression, expected) => {
    const load = new Load({ successRateThreshold: fixed(threshold), aggression: fixed(aggression) });
    load.run(20_000, 200, failing);
    expect(Math.abs(load.run(50_000, 200, failing) - expected)).toBeLessThan(0.015);
  });

  test('it recovers: what is refused is not held against the upstream', () => {
    const load = new Load();
    load.run(20_000, 200, 1);
    load.run(31 * 200, 200, 0);
    expect(load.run(1000, 200, 0)).toBe(0);
  });

  test('below the rate nothing is refused', () => {
    const settings = { rpsThreshold: fixed(50) };
    expect(new Load(settings).run(5000, 20, 1)).toBe(0);
    expect(new Load(settings).run(20_000, 200, 1)).toBeGreaterThan(0.5);
  });

  test('counts what it lets pass by its outcome', () => {
    const load = new Load();
    load.run(1000, 100, 0.5);
    const count = (name: string) => load.stats.value(`admission_control.rq_${name}`);
    expect(count('rejected') + count('success') + count('failure')).toBe(1000);
    expect(count('failure')).toBeGreaterThan(100);
  });
});

describe('window', () => {
  test('forgets what is older', () => {
    const clock = new SimulatedClock();
    const window = new RequestWindow(clock, 3);
    const sums: string[] = [];
    for (let second = 0; second < 6; second++) {
      for (let i = 0; i < 10; i++) window.record(i < second);
      sums.push(`${window.requests}/${window.successes}`);
      clock.advance(1000);
    }
    expect(sums).toEqual(['10/0', '20/1', '30/3', '30/6', '30/9', '30/12']);
    clock.advance(60_000);
    window.refresh();
    expect([window.requests, window.successes, window.averageRps()]).toEqual([0, 0, 0]);
  });

  test('the rate is that of the time since the oldest second', () => {
    const clock = new SimulatedClock();
    const window = new RequestWindow(clock, 10);
    for (let i = 0; i < 45; i++) {
      window.record(true);
      clock.advance(100);
    }
    expect(window.averageRps()).toBe(11);
  });
});
