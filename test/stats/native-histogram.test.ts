/** Against the bytes that Envoy 1.40 answers with. */
import { expect, test } from 'vitest';
import { ProtobufWriter } from '../../src/runtime/protobuf-writer.ts';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import { writeNativeHistogram } from '../../src/stats/native-histogram.ts';

function encoded(values: readonly number[], maxBuckets: number): string {
  const stats = new StatsAggregate();
  const histogram = stats.local.root.histogram('h');
  for (const value of values) histogram.record(value);
  const out = new ProtobufWriter();
  writeNativeHistogram(out, stats.find('h')!.collect().cumulative, maxBuckets);
  return out.finish().toString('hex');
}

test('nothing recorded: a span of no length', () => {
  expect(encoded([], 20)).toBe('28063800620408001000');
});

test('only zeros: no spans', () => {
  expect(encoded([0], 20)).toBe('08011100000000000000002808' + '31000000000000e03f' + '3801');
});

test('bins lie where their lower bounds do, spans are gaps and runs', () => {
  expect(encoded([0, 0, 100, 1000, 10_000], 20)).toBe(
    '08051125499224' +
      '49b6c640' +
      '2808' +
      '31000000000000e03f' +
      '3802' +
      '620508d6011001' +
      '620408681001' +
      '620408681001' +
      '680268006800',
  );
});

test.each([
  [20, 4],
  [8, 3],
  [5, 2],
])('at most %d buckets: schema %d', (maxBuckets, schema) => {
  // The field of the schema: a signed number whose sign is the lowest bit.
  expect(encoded([0, 0, 100, 1000, 10_000], maxBuckets).slice(22, 26)).toBe(`28${(schema * 2).toString(16).padStart(2, '0')}`);
});
