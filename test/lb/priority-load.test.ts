import { describe, expect, test } from 'vitest';
import { computePriorityLoads } from '../../src/lb/priority-load.ts';
import { hostSet } from '../support/lb-rig.ts';

type Counts = Parameters<typeof hostSet>[1];

const loads = (priorities: Counts[], panicThreshold = 50) => {
  const { healthy, degraded, panic } = computePriorityLoads(
    priorities.map((counts, p) => hostSet(p, counts)),
    panicThreshold,
  );
  return [healthy, degraded, panic];
};

describe('shares of priorities', () => {
  test.each([
    // hosts by priority                                                                   healthy       degraded   panic
    ['all healthy', [{ healthy: 4 }, { healthy: 4 }], [100, 0], [0, 0], [false, false]],
    ['72 % healthy is enough', [{ healthy: 72, unhealthy: 28 }, { healthy: 1 }], [100, 0], [0, 0], [false, false]],
    ['71 % healthy', [{ healthy: 71, unhealthy: 29 }, { healthy: 1 }], [99, 1], [0, 0], [false, false]],
    ['half healthy', [{ healthy: 5, unhealthy: 5 }, { healthy: 10 }], [70, 30], [0, 0], [false, false]],
    [
      'a quarter on both levels: all in panic',
      [
        { healthy: 1, unhealthy: 3 },
        { healthy: 1, unhealthy: 3 },
      ],
      [50, 50],
      [0, 0],
      [true, true],
    ],
    ['degraded hosts take what is left', [{ healthy: 25, degraded: 65, unhealthy: 10 }], [35], [65], [false]],
    ['the first priority is down', [{ unhealthy: 10 }, { healthy: 10 }], [0, 100], [0, 0], [false, false]],
    ['an empty first priority', [{}, { healthy: 1 }], [0, 100], [0, 0], [false, false]],
    [
      'all in panic: by number of hosts, what rounding leaves to the first',
      [{ unhealthy: 1 }, { healthy: 1, unhealthy: 5 }, { healthy: 1, unhealthy: 5 }],
      [8, 46, 46],
      [0, 0, 0],
      [true, true, true],
    ],
    ['nothing at all', [{}], [0], [0], [true]],
    ['excluded hosts do not count', [{ healthy: 1, excluded: 9 }, { healthy: 10 }], [100, 0], [0, 0], [false, false]],
    ['only excluded hosts', [{ excluded: 3 }], [100], [0], [true]],
  ] as const)('%s', (_name, priorities, healthy, degraded, panic) => {
    expect(loads([...priorities])).toEqual([healthy, degraded, panic]);
  });

  test('with a threshold of 0 nothing panics', () => {
    expect(loads([{ unhealthy: 3 }], 0)[2]).toEqual([false]);
  });

  test('a healthy second priority keeps the first out of panic', () => {
    expect(loads([{ healthy: 1, unhealthy: 9 }, { healthy: 9 }])[2]).toEqual([false, false]);
  });

  test('overprovisioning factor', () => {
    expect(computePriorityLoads([hostSet(0, { healthy: 5, unhealthy: 5 }, 100), hostSet(1, { healthy: 1 }, 100)], 50).healthy).toEqual([
      50, 50,
    ]);
  });
});
