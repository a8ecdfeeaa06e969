/**
 * Many requests over hosts of different speed, on simulated time: what choosing the less loaded of two hosts is for. Seeded, so every
 * figure is the same in each run.
 */
import { describe, expect, test } from 'vitest';
import type { Host } from '../../src/lb/host.ts';
import { makeHostSet } from '../../src/lb/host-set.ts';
import { LeastRequestBalancer } from '../../src/lb/least-request.ts';
import type { LoadBalancer } from '../../src/lb/load-balancer.ts';
import { RandomBalancer } from '../../src/lb/random.ts';
import { RoundRobinBalancer } from '../../src/lb/round-robin.ts';
import { Timer, type TimerTarget } from '../../src/runtime/clock.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { ANY, balancerDeps, host } from '../support/lb-rig.ts';

const LEAST_REQUEST = { choiceCount: 2, activeRequestBias: 1, activeRequestBiasKey: '', fullScan: false };

/** A request on its host, for as long as the host takes. */
class InFlight implements TimerTarget {
  readonly #host: Host;
  constructor(target: Host, clock: SimulatedClock, serviceMs: number) {
    this.#host = target;
    target.requestStarted();
    clock.arm(new Timer(this, 0), serviceMs);
  }
  onTimer(): void {
    this.#host.requestEnded();
  }
}

interface Result {
  /** Requests by host. */
  readonly share: number[];
  /** The most that was ever in flight on one host. */
  readonly peak: number;
}

/** @param serviceMs by host @param perTick requests that arrive every 10 ms */
function simulate(
  make: (random: Random) => LoadBalancer,
  hosts: readonly Host[],
  serviceMs: readonly number[],
  perTick: number,
  ticks: number,
): Result {
  const clock = new SimulatedClock();
  const balancer = make(seededRandom(11));
  balancer.update([makeHostSet(0, hosts, 140)]);
  const share = hosts.map(() => 0);
  let peak = 0;
  for (let tick = 0; tick < ticks; tick++) {
    for (let i = 0; i < perTick; i++) {
      const chosen = balancer.chooseHost(ANY)!;
      const index = hosts.indexOf(chosen);
      share[index]!++;
      new InFlight(chosen, clock, serviceMs[index]!);
      peak = Math.max(peak, chosen.rqActive);
    }
    clock.advance(10);
  }
  return { share, peak };
}

const many = (n: number) => Array.from({ length: n }, () => host());
const leastRequest = (random: Random) => new LeastRequestBalancer(balancerDeps({ random }), LEAST_REQUEST);
const roundRobin = (random: Random) => new RoundRobinBalancer(balancerDeps({ random }));
const random = (source: Random) => new RandomBalancer(balancerDeps({ random: source }));

describe('one host in ten is ten times slower', () => {
  const service = [1000, ...Array<number>(9).fill(100)];

  test('least request sends it far less than its turn', () => {
    const { share } = simulate(leastRequest, many(10), service, 10, 1000);
    expect(share[0]! / 10_000).toBeLessThan(0.05);
  });

  test('round robin does not, and piles requests up there', () => {
    const slow = simulate(roundRobin, many(10), service, 10, 1000);
    const fair = simulate(leastRequest, many(10), service, 10, 1000);
    expect(slow.share[0]).toBe(1000);
    expect(fair.peak).toBeLessThan(slow.peak / 2);
  });
});

describe('equal hosts', () => {
  test('two choices keep the peak well below that of one', () => {
    const hosts = 50;
    const service = Array<number>(hosts).fill(200);
    const two = simulate(leastRequest, many(hosts), service, 25, 400);
    const one = simulate(random, many(hosts), service, 25, 400);
    expect(two.peak).toBeLessThanOrEqual(14);
    expect(one.peak).toBeGreaterThan(two.peak + 5);
  });

  test('everyone gets its part', () => {
    const { share } = simulate(leastRequest, many(20), Array<number>(20).fill(50), 20, 500);
    for (const n of share) expect(n / 10_000).toBeCloseTo(0.05, 2);
  });
});
