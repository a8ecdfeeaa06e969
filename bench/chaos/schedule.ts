/** What goes wrong when: a list made from a seed, so that two proxies meet the same misfortunes. */
import { seededRandom } from '../../src/runtime/random.ts';

/**
 * kill: nobody listens, connections are cut. stall: connections are taken, and never answered. reset: each request is answered with a
 * RST. slow: half a second for each answer. error: 503.
 */
export const TROUBLES = ['kill', 'stall', 'reset', 'slow', 'error'] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface Misfortune {
  /** Since the start, in ms. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly upstream: number;
  readonly trouble: Trouble;
}

/** Mean time between two beginnings. */
const EVERY_MS = 1500;
const SHORTEST_MS = 2000;
const LONGEST_MS = 12_000;
/** Upstreams in trouble at once, at most: a fleet that is mostly gone says nothing about its proxy. */
const AT_ONCE = 0.35;

export function schedule(seed: number, upstreams: number, durationMs: number): Misfortune[] {
  const random = seededRandom(seed);
  const list: Misfortune[] = [];
  for (let at = EVERY_MS; at < durationMs; at += 1 + random.below(2 * EVERY_MS)) {
    const troubled = list.filter(({ toMs }) => toMs > at).map(({ upstream }) => upstream);
    const upstream = random.below(upstreams);
    const trouble = TROUBLES[random.below(TROUBLES.length)]!;
    const toMs = at + SHORTEST_MS + random.below(LONGEST_MS - SHORTEST_MS);
    if (troubled.length + 1 <= upstreams * AT_ONCE && !troubled.includes(upstream)) list.push({ fromMs: at, toMs, upstream, trouble });
  }
  return list;
}
