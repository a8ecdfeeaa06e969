/**
 * Prometheus's native (exponential) histograms out of the log-linear bins, as Envoy makes them: a bin counts where its lower bound falls, and the resolution
 * is the finest one at which the bins together lie in no more buckets than asked for.
 */
import type { ProtobufWriter } from '../runtime/protobuf-writer.ts';
import { type BinCounts, binLower, binWidth } from './histogram-bins.ts';

/** io.prometheus.client.Histogram.schema: bounds are powers of 2^(2^-schema). */
const FINEST_SCHEMA = 4;
const COARSEST_SCHEMA = -4;
/** Envoy's, for a histogram that has counted nothing. */
const EMPTY_SCHEMA = 3;
const ZERO_THRESHOLD = 0.5;

/** Number of the bucket that holds `value`: (base^(n-1), base^n]. */
function bucketOf(value: number, schema: number): number {
  return Math.ceil(Math.log2(value) * 2 ** schema);
}

/** Buckets that the bins from `first` on touch. */
function bucketsTouched(bins: readonly number[], first: number, schema: number): number {
  let touched = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (let i = first; i < bins.length; i++) {
    const lower = binLower(bins[i]!);
    const from = Math.max(bucketOf(lower, schema), last + 1);
    const to = bucketOf(lower + binWidth(bins[i]!), schema);
    if (to < from) continue;
    touched += to - from + 1;
    last = to;
  }
  return touched;
}

/** Writes the fields of an io.prometheus.client.Histogram. */
export function writeNativeHistogram(out: ProtobufWriter, counts: BinCounts, maxBuckets: number): void {
  const { bins, total } = counts;
  if (total === 0) {
    writeSigned(out, 5, EMPTY_SCHEMA);
    out.varint(7, 0);
    // A span of no length says that this is a native histogram nevertheless.
    writeSpan(out, 0, 0);
    return;
  }
  let first = 0;
  let zeros = 0;
  while (first < bins.length && binLower(bins[first]!) <= ZERO_THRESHOLD) zeros += counts.counts[first++]!;
  let schema = FINEST_SCHEMA;
  while (schema > COARSEST_SCHEMA && bucketsTouched(bins, first, schema) > maxBuckets) schema--;
  out.varint(1, total).double(2, counts.sum());
  writeSigned(out, 5, schema);
  out.double(6, ZERO_THRESHOLD).varint(7, zeros);
  writeBuckets(out, counts, first, schema);
}

/** Runs of buckets that follow one another, then the counts, each as the difference to the one before. */
function writeBuckets(out: ProtobufWriter, counts: BinCounts, first: number, schema: number): void {
  const buckets: number[] = [];
  const sums: number[] = [];
  for (let i = first; i < counts.bins.length; i++) {
    const bucket = bucketOf(binLower(counts.bins[i]!), schema);
    if (buckets[buckets.length - 1] === bucket) sums[sums.length - 1]! += counts.counts[i]!;
    else {
      buckets.push(bucket);
      sums.push(counts.counts[i]!);
    }
  }
  let next = 0;
  for (let start = 0; start < buckets.length; ) {
    let end = start + 1;
    while (end < buckets.length && buckets[end] === buckets[end - 1]! + 1) end++;
    writeSpan(out, buckets[start]! - next, end - start);
    next = buckets[end - 1]! + 1;
    start = end;
  }
  for (let i = 0; i < sums.length; i++) writeSigned(out, 13, sums[i]! - (sums[i - 1] ?? 0));
}

function writeSpan(out: ProtobufWriter, offset: number, length: number): void {
  const span = out.begin(12);
  writeSigned(out, 1, offset);
  out.varint(2, length).end(span);
}

/** sint32 and sint64: the sign is the lowest bit. */
function writeSigned(out: ProtobufWriter, field: number, value: number): void {
  out.varint(field, value < 0 ? -2 * value - 1 : 2 * value);
}
