import { expect, test } from 'vitest';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import { writeFamilies, writePrometheusProtobuf } from '../../src/stats/prometheus-protobuf.ts';
import { parseStatsQuery, type StatsQuery } from '../../src/stats/query.ts';
import { Fields } from '../support/protobuf-reader.ts';

const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
const parse = (query: string, accept = PROTOBUF) => parseStatsQuery(new URLSearchParams(query), true, accept) as StatsQuery;

/** Families after their lengths. */
function families(pieces: Iterable<Uint8Array | string>): Fields[] {
  const bytes = Buffer.concat([...pieces].map((piece) => Buffer.from(piece as Uint8Array)));
  const found: Fields[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = 0;
    let shift = 0;
    for (; bytes[at]! >= 128; shift += 7) length += (bytes[at++]! & 127) << shift;
    length += bytes[at++]! << shift;
    found.push(new Fields(bytes.subarray(at, at + length)));
    at += length;
  }
  return found;
}

/** Pieces are good until the next one is asked for. */
function* copied(pieces: Iterable<Uint8Array | ''>): Generator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece as Uint8Array);
}

function sample(): StatsAggregate {
  const stats = new StatsAggregate();
  for (const name of ['a', 'b"\\\n=,é']) {
    const scope = stats.local.root.tagged('cluster', 'envoy.cluster_name', name);
    scope.counter('upstream_rq_total').add(3);
    scope.gauge('below').sub(1);
    scope.histogram('ms').record(3);
    scope.textReadout('said').set('v "1"');
  }
  return stats;
}

const shown = (query: string) => families(copied(writePrometheusProtobuf(sample(), parse(query))));

test('families in the order of the text format, values as 64 bits without a sign, labels without escapes', () => {
  const all = shown('');
  expect(all.map((family) => [family.text(1), family.number(3)])).toEqual([
    ['envoy_cluster_upstream_rq_total', 0],
    ['envoy_cluster_below', 1],
    ['envoy_cluster_ms', 4],
  ]);
  expect(all[0]!.messages(4).map((metric) => [metric.message(1).text(1), metric.message(1).text(2), metric.message(3).double(1)])).toEqual([
    ['envoy_cluster_name', 'a', 3],
    ['envoy_cluster_name', 'b"\\\n=,é', 3],
  ]);
  expect(all[1]!.messages(4).map((metric) => metric.message(2).double(1))).toEqual([2 ** 64, 2 ** 64]);
});

test('histograms: counts up to each bound; infinity is the count itself', () => {
  const [metric] = shown('filter=ms')[0]!.messages(4);
  const histogram = metric!.message(7);
  expect([histogram.number(1), histogram.messages(3).length]).toEqual([1, 19]);
  expect(histogram.messages(3).map((bucket) => [bucket.double(2), bucket.number(1)])).toEqual(
    expect.arrayContaining([
      [1, 0],
      [5, 1],
      [3_600_000, 1],
    ]),
  );
});

test('summaries, native histograms and text readouts', () => {
  const summary = shown('histogram_buckets=summary&filter=ms')[0]!;
  expect([summary.number(3), summary.messages(4)[0]!.message(4).messages(3).length]).toEqual([2, 10]);
  const native = shown('histogram_buckets=prometheusnative&filter=ms')[0]!.messages(4)[0]!.message(7);
  expect([native.number(1), native.number(5), native.message(12).number(1), native.message(12).number(2)]).toEqual([1, 8, 52, 1]);
  const [text] = shown('text_readouts&filter=said')[0]!.messages(4);
  expect(text!.messages(1).map((label) => label.text(2))).toEqual(['a', 'v "1"']);
});

test.each([
  ['text/plain,application/vnd.google.protobuf', false],
  ['application/openmetrics-text;version=1.0.0;q=0.6,application/vnd.google.protobuf;proto=x;q=0.1,text/plain', true],
  ['*/*', false],
  ['application/vnd.google.protobuf;q=0', false],
  ['', false],
])('accept: %s', (accept, protobuf) => {
  expect(parse('', accept).protobuf).toBe(protobuf);
  expect(parse('prom_protobuf', accept).protobuf).toBe(true);
});

test('metrics of the process, histograms among them', () => {
  const labels = { kind: 'major' };
  const [gauge, histogram] = families(
    writeFamiliesCopied([
      { name: 'g', help: 'A gauge.', type: 'gauge', samples: [{ name: 'g', labels: { thread: 'control' }, value: 2 }] },
      {
        ...{ name: 'h', help: 'A histogram.', type: 'histogram' },
        samples: [
          { name: 'h_bucket', labels: { ...labels, le: 0.1 }, value: 1 },
          { name: 'h_bucket', labels: { ...labels, le: '+Inf' }, value: 2 },
          { name: 'h_sum', labels, value: 0.5 },
          { name: 'h_count', labels, value: 2 },
        ],
      },
    ]),
  );
  expect([gauge!.text(2), gauge!.message(4).message(1).text(2), gauge!.message(4).message(2).double(1)]).toEqual([
    'A gauge.',
    'control',
    2,
  ]);
  const written = histogram!.message(4).message(7);
  expect([written.number(1), written.double(2), written.messages(3).map((bucket) => bucket.double(2))]).toEqual([2, 0.5, [0.1]]);
});

function writeFamiliesCopied(metrics: Parameters<typeof writeFamilies>[0]): Iterable<Uint8Array> {
  return copied(writeFamilies(metrics));
}
