/** envoy.service.metrics.v3.StreamMetricsMessage: io.prometheus.client.MetricFamily, as Envoy's MetricsFlusher fills it. */
import { ProtobufWriter } from '../../runtime/protobuf-writer.ts';
import type { StatsAggregate } from '../aggregate.ts';
import { SUPPORTED_QUANTILES } from '../histogram-bins.ts';
import type { MetricsServiceSettings } from './settings.ts';
import type { SinkStat, StatsSnapshot } from './snapshot.ts';

const FAMILIES = 2;
const TYPE_GAUGE = 1;
const TYPE_SUMMARY = 2;
const TYPE_HISTOGRAM = 4;

export class MetricFamilies {
  readonly #settings: MetricsServiceSettings;
  readonly #stats: StatsAggregate;
  readonly #message = new ProtobufWriter(16_384);
  #families = 0;

  constructor(settings: MetricsServiceSettings, stats: StatsAggregate) {
    this.#settings = settings;
    this.#stats = stats;
  }

  /** Whole messages, without the identifier; null now and then. */
  *messages(snapshot: StatsSnapshot): Generator<Buffer | null> {
    this.#message.clear();
    this.#families = 0;
    const { batchSize } = this.#settings;
    for (const _ of this.#write(snapshot)) {
      if (batchSize > 0 && this.#families >= batchSize) yield this.#finish();
      else if (this.#families % 64 === 0) yield null;
    }
    if (this.#families > 0) yield this.#finish();
  }

  #finish(): Buffer {
    const message = Buffer.from(this.#message.finish());
    this.#message.clear();
    this.#families = 0;
    return message;
  }

  /** One turn a family. */
  *#write(snapshot: StatsSnapshot): Generator<void> {
    const { countersAsDeltas, histogramMode } = this.#settings;
    const w = this.#message;
    for (const { stat, value, delta } of snapshot.counters) {
      // COUNTER is 0, which proto3 leaves out; MetricFamily is proto2, and says it.
      const family = this.#begin(stat, 0);
      const metric = this.#metric(stat);
      const counter = w.begin(3);
      w.double(1, countersAsDeltas ? delta : value).end(counter);
      this.#end(family, metric, snapshot.wallMs);
      yield;
    }
    for (const { stat, value } of snapshot.gauges) {
      const family = this.#begin(stat, TYPE_GAUGE);
      const metric = this.#metric(stat);
      const gauge = w.begin(2);
      w.double(1, value).end(gauge);
      this.#end(family, metric, snapshot.wallMs);
      yield;
    }
    for (const stat of snapshot.histograms) {
      const { interval } = stat.series.collect();
      const total = interval.total;
      const sum = interval.sum();
      if (histogramMode !== 'histogram') {
        const family = this.#begin(stat, TYPE_SUMMARY);
        const metric = this.#metric(stat);
        const summary = w.begin(4);
        w.varint(1, total).double(2, sum);
        const values = interval.quantiles(SUPPORTED_QUANTILES);
        SUPPORTED_QUANTILES.forEach((quantile, i) => {
          const pair = w.begin(3);
          w.double(1, quantile).double(2, values[i]!).end(pair);
        });
        w.end(summary);
        this.#end(family, metric, snapshot.wallMs);
        yield;
      }
      if (histogramMode !== 'summary') {
        const family = this.#begin(stat, TYPE_HISTOGRAM);
        const metric = this.#metric(stat);
        const histogram = w.begin(7);
        w.varint(1, total).double(2, sum);
        const bounds = this.#stats.buckets(stat.series);
        const counts = interval.cumulative(bounds);
        bounds.forEach((bound, i) => {
          const bucket = w.begin(3);
          w.varint(1, counts[i]!).double(2, bound).end(bucket);
        });
        w.end(histogram);
        this.#end(family, metric, snapshot.wallMs);
        yield;
      }
    }
  }

  #begin(stat: SinkStat, type: number): number {
    this.#families++;
    const family = this.#message.begin(FAMILIES);
    this.#message.text(1, this.#settings.tagsAsLabels ? stat.extracted.name : stat.series.fullName).varint(3, type);
    return family;
  }

  #metric(stat: SinkStat): number {
    const w = this.#message;
    const metric = w.begin(4);
    if (this.#settings.tagsAsLabels)
      for (const { label, value } of stat.extracted.tags) {
        const pair = w.begin(1);
        w.text(1, label).text(2, value).end(pair);
      }
    return metric;
  }

  #end(family: number, metric: number, wallMs: number): void {
    this.#message.varint(6, Math.floor(wallMs)).end(metric).end(family);
  }
}
