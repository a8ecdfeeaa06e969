import { expect, test } from 'vitest';
import { WeightedChoice } from '../../src/route/action/weighted/weighted-clusters.ts';
import type { WeightedSettings } from '../../src/route/settings.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { request, streamInfo } from '../support/route-rig.ts';

const DRAWS = 1_000_000;

function shares(...weights: number[]): number[] {
  const entry = { header: '', hostRewrite: '', metadataMatch: null, requestHeaders: null, responseHeaders: null, perFilter: null };
  const entries = weights.map((weight, i) => ({ ...entry, name: `c${i}`, weight }));
  const settings: WeightedSettings = { kind: 'weighted', entries, headerName: '', useHashPolicy: false, runtimeKeyPrefix: '' };
  const choice = new WeightedChoice(settings, null, new StaticRuntime());
  const random = seededRandom(11);
  const counts = weights.map(() => 0);
  const headers = request('GET http://h/');
  const info = streamInfo();
  for (let i = 0; i < DRAWS; i++) counts[choice.choose(headers, info, random.nextU32())]!++;
  return counts;
}

/** Each count is binomial: 4.5 standard deviations are missed once in 150,000 runs. */
test.each([[[9999, 1]], [[50, 50]], [[90, 0, 10]], [[1, 1, 1]], [[4294967294, 1]]])('weights %j', (weights) => {
  const total = weights.reduce((a, b) => a + b, 0);
  shares(...weights).forEach((count, i) => {
    const p = weights[i]! / total;
    expect(Math.abs(count - DRAWS * p)).toBeLessThanOrEqual(4.5 * Math.sqrt(DRAWS * p * (1 - p)) + 1);
  });
});
