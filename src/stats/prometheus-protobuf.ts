/** The Prometheus protobuf format, as Envoy writes it: io.prometheus.client.MetricFamily messages, each after its length. */
import { ProtobufWriter } from '../runtime/protobuf-writer.ts';
import type { StatsAggregate } from './aggregate.ts';
import { SUPPORTED_QUANTILES } from './histogram-bins.ts';
import { writeNativeHistogram } from './native-histogram.ts';
import { type Metric, prometheusIndex } from './prometheus-index.ts';
import type { StatsQuery } from './query.ts';
import type { Series } from './series.ts';

/** io.prometheus.client.MetricType. */
const [COUNTER, GAUGE, SUMMARY, HISTOGRAM] = [0, 1, 2, 4];
/** Series that are written before others may run. */
const PASS = 64;
const UINT64_VALUES = 2 ** 64;

/** @returns pieces of the answer, each good until the next one is asked for; '' = nothing yet */
export function* writePrometheusProtobuf(stats: StatsAggregate, query: StatsQuery): Generator<Uint8Array | ''> {
  const index = yield* prometheusIndex(stats);
  const values = yield* index.values(query);
  const family = new ProtobufWriter();
  const length = new ProtobufWriter();
  const histograms = new HistogramFields(stats, query);
  for (const metric of index.metrics) {
    if (metric.kind === 'text' && !query.textReadouts) continue;
    const type = histograms.typeOf(metric);
    let written = 0;
    for (let at = metric.start; at < metric.end; at++) {
      if ((at - metric.start) % PASS === PASS - 1) yield '';
      const value = values[at]!;
      if (Number.isNaN(value)) continue;
      if (written++ === 0) family.text(1, metric.name).varint(3, type);
      const start = family.begin(4);
      family.raw(labelFields(index.labels[at]!));
      if (metric.kind === 'histogram') histograms.write(family, metric.series[at - metric.start]!);
      else if (metric.kind === 'text') writeText(family, metric.series[at - metric.start]!);
      else writeNumber(family, metric.kind === 'counter' ? 3 : 2, value);
      family.end(start);
    }
    if (written === 0) continue;
    yield* delimited(family, length);
  }
}

/** A family after its length; both writers are empty then. */
function* delimited(family: ProtobufWriter, length: ProtobufWriter): Generator<Uint8Array> {
  const bytes = family.finish();
  length.bare(bytes.length);
  yield length.finish();
  yield bytes;
  length.clear();
  family.clear();
}

/** Counter and Gauge: numbers of 64 bits without a sign. */
function writeNumber(out: ProtobufWriter, field: number, value: number): void {
  const start = out.begin(field);
  out.double(1, value < 0 ? value + UINT64_VALUES : value + 0).end(start);
}

function writeText(out: ProtobufWriter, series: Series): void {
  writeLabel(out, 'text_value', series.text ?? '');
  writeNumber(out, 2, 0);
}

class HistogramFields {
  readonly #stats: StatsAggregate;
  readonly #mode: StatsQuery['histogramBuckets'];
  readonly #maxBuckets: number;

  constructor(stats: StatsAggregate, query: StatsQuery) {
    this.#stats = stats;
    this.#mode = query.histogramBuckets;
    this.#maxBuckets = query.nativeMaxBuckets;
  }

  typeOf({ kind }: Metric): number {
    if (kind === 'histogram') return this.#mode === 'summary' ? SUMMARY! : HISTOGRAM!;
    return kind === 'counter' ? COUNTER! : GAUGE!;
  }

  write(out: ProtobufWriter, series: Series): void {
    const { cumulative, interval } = series.collect();
    if (this.#mode === 'summary') {
      const start = out.begin(4);
      out.varint(1, interval.total).double(2, interval.sum());
      const quantiles = interval.quantiles(SUPPORTED_QUANTILES);
      for (let i = 0; i < quantiles.length; i++) {
        const quantile = out.begin(3);
        out.double(1, SUPPORTED_QUANTILES[i]!).double(2, quantiles[i]!).end(quantile);
      }
      out.end(start);
      return;
    }
    const start = out.begin(7);
    if (this.#mode === 'prometheusnative') writeNativeHistogram(out, cumulative, this.#maxBuckets);
    else {
      out.varint(1, cumulative.total).double(2, cumulative.sum());
      const bounds = this.#stats.buckets(series);
      const counts = cumulative.cumulative(bounds);
      for (let i = 0; i < bounds.length; i++) {
        const bucket = out.begin(3);
        out.varint(1, counts[i]!).double(2, bounds[i]!).end(bucket);
      }
    }
    out.end(start);
  }
}

/** By their text form, of which there is one for all series of a scope. */
const LABEL_FIELDS = new WeakMap<Uint8Array, Uint8Array>();
const LABEL = /([^=,]+)="((?:[^"\\]|\\.)*)"/g;

function labelFields(labels: Uint8Array): Uint8Array {
  let fields = LABEL_FIELDS.get(labels);
  if (fields === undefined) {
    const out = new ProtobufWriter();
    for (const [, name, value] of Buffer.from(labels).toString().matchAll(LABEL)) writeLabel(out, name!, unescaped(value!));
    fields = Uint8Array.from(out.finish());
    LABEL_FIELDS.set(labels, fields);
  }
  return fields;
}

function unescaped(value: string): string {
  return value.indexOf('\\') < 0 ? value : value.replace(/\\(.)/g, (_all, c: string) => (c === 'n' ? '\n' : c));
}

function writeLabel(out: ProtobufWriter, name: string, value: string): void {
  const start = out.begin(1);
  out.text(1, name).bytes(2, Buffer.from(value)).end(start);
}

/** A metric of another library than this one. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** As the text format has them: a histogram's buckets, sum and count are samples of their own. */
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

export function* writeFamilies(families: readonly MetricFamily[]): Generator<Uint8Array> {
  const out = new ProtobufWriter();
  const length = new ProtobufWriter();
  for (const { name, help, type, samples } of families) {
    out.text(1, name).bytes(2, Buffer.from(help));
    out.varint(3, type === 'histogram' ? HISTOGRAM! : type === 'gauge' ? GAUGE! : COUNTER!);
    if (type === 'histogram') writeHistograms(out, name, samples);
    else {
      for (const sample of samples) {
        const start = out.begin(4);
        for (const [label, value] of Object.entries(sample.labels)) writeLabel(out, label, String(value));
        writeNumber(out, type === 'gauge' ? 2 : 3, sample.value);
        out.end(start);
      }
    }
    yield* delimited(out, length);
  }
}

function writeHistograms(out: ProtobufWriter, name: string, samples: readonly MetricSample[]): void {
  const groups = new Map<string, MetricSample[]>();
  for (const sample of samples) {
    const key = JSON.stringify(Object.entries(sample.labels).filter(([label]) => label !== 'le'));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [sample]);
    else group.push(sample);
  }
  for (const [key, group] of groups) {
    const value = (suffix: string) => group.find((sample) => sample.name === name + suffix)?.value ?? 0;
    const metric = out.begin(4);
    for (const [label, text] of JSON.parse(key) as [string, string | number][]) writeLabel(out, label, String(text));
    const histogram = out.begin(7);
    out.varint(1, value('_count')).double(2, value('_sum'));
    for (const sample of group) {
      const bound = Number(sample.labels['le']);
      // Everything is below infinity: the count says that.
      if (sample.name !== `${name}_bucket` || !Number.isFinite(bound)) continue;
      const bucket = out.begin(3);
      out.varint(1, sample.value).double(2, bound).end(bucket);
    }
    out.end(histogram).end(metric);
  }
}
