/** How a host's monitor lies in the shared slab, right after the host's own cells: a cache line that all workers add to. */

export const MONITOR_CELLS = 16;

/** Consecutive failures by kind. */
export const CONSECUTIVE_5XX = 0;
export const CONSECUTIVE_GATEWAY = 1;
export const CONSECUTIVE_LOCAL = 2;
/** Which of the two buckets counts now: 0 or 1. */
export const BUCKET = 3;
/** By origin and bucket: requests that failed, and those that went well. */
export const BUCKETS = 4;
/** 1 while a worker's word of degradation is on its way, or the host is marked. */
export const DEGRADED_SEEN = 12;

/** The two sorts of success rate. Without the split everything counts as external. */
export const Origin = { External: 0, Local: 1 } as const;
export type Origin = (typeof Origin)[keyof typeof Origin];

/** Offset of a bucket: its failures, then its successes. */
export function bucketOffset(origin: Origin, bucket: number): number {
  return BUCKETS + origin * 4 + bucket * 2;
}

/** What a worker can find out by itself, at the moment it happens. */
export const Detection = { Consecutive5xx: 0, ConsecutiveGatewayFailure: 1, ConsecutiveLocalOriginFailure: 2, Degraded: 3 } as const;
export type Detection = (typeof Detection)[keyof typeof Detection];

export class BucketCount {
  readonly total: number;
  readonly success: number;
  constructor(total: number, success: number) {
    this.total = total;
    this.success = success;
  }
}

/** Makes the other bucket count from now on, from zero; what the first has gathered can be read until the next change. */
export function switchBuckets(cells: Int32Array, base: number): void {
  const next = 1 - Atomics.load(cells, base + BUCKET);
  for (const origin of [Origin.External, Origin.Local] as const) {
    Atomics.store(cells, base + bucketOffset(origin, next), 0);
    Atomics.store(cells, base + bucketOffset(origin, next) + 1, 0);
  }
  Atomics.store(cells, base + BUCKET, next);
}

/** What the interval before the last switch has gathered. */
export function readLastBucket(cells: Int32Array, base: number, origin: Origin): BucketCount {
  const offset = base + bucketOffset(origin, 1 - Atomics.load(cells, base + BUCKET));
  const success = Atomics.load(cells, offset + 1);
  return new BucketCount(Atomics.load(cells, offset) + success, success);
}

/** The host is back: one failure more must not eject it at once. */
export function clearConsecutive(cells: Int32Array, base: number): void {
  Atomics.store(cells, base + CONSECUTIVE_5XX, 0);
  Atomics.store(cells, base + CONSECUTIVE_GATEWAY, 0);
  Atomics.store(cells, base + CONSECUTIVE_LOCAL, 0);
}
