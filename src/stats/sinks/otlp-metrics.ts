/** opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest, as Envoy's OtlpMetricsFlusherImpl fills it. */
import { ProtobufWriter } from '../../runtime/protobuf-writer.ts';
import type { StatsAggregate } from '../aggregate.ts';
import type { OtlpMetricsSettings } from './settings.ts';
import type { SinkStat, StatsSnapshot } from './snapshot.ts';

const DELTA = 1;
const CUMULATIVE = 2;
const METRICS = 2;
const GAUGE = 5;
const SUM = 7;
const HISTOGRAM = 9;

export class OtlpMetrics {
  readonly #settings: OtlpMetricsSettings;
  readonly #resource: ProtobufWriter;
  readonly #stats: StatsAggregate;
  readonly #startedNanos: bigint;
  readonly #scope = new ProtobufWriter(16_384);
  #points = 0;

  /** @param resource attributes @param startedMs wall time that cumulative values count from */
  constructor(settings: OtlpMetricsSettings, resource: readonly (readonly [string, string])[], stats: StatsAggregate, startedMs: number) {
    this.#settings = settings;
    this.#stats = stats;
    this.#startedNanos = nanos(startedMs);
    this.#resource = new ProtobufWriter();
    for (const [name, value] of resource) writeAttribute(this.#resource, 1, name, value);
  }

  /** Whole requests; null now and then. */
  *requests(snapshot: StatsSnapshot): Generator<Buffer | null> {
    const { maxDataPoints } = this.#settings;
    this.#scope.clear();
    this.#points = 0;
    for (const _ of this.#metrics(snapshot)) {
      if (maxDataPoints > 0 && this.#points >= maxDataPoints) yield this.#finish();
      else if (this.#points % 64 === 0) yield null;
    }
    if (this.#points > 0) yield this.#finish();
  }

  #finish(): Buffer {
    const request = new ProtobufWriter(this.#scope.length + this.#resource.length + 64);
    const start = request.begin(1);
    request.message(1, this.#resource).message(2, this.#scope).end(start);
    this.#scope.clear();
    this.#points = 0;
    return request.finish();
  }

  /** One turn a data point. */
  *#metrics(snapshot: StatsSnapshot): Generator<void> {
    const { countersAsDeltas, histogramsAsDeltas } = this.#settings;
    const now = nanos(snapshot.wallMs);
    const last = nanos(snapshot.lastWallMs);
    const w = this.#scope;
    for (const { stat, value } of snapshot.gauges) {
      const metric = this.#begin(stat);
      const gauge = w.begin(GAUGE);
      const point = w.begin(1);
      w.fixed64(3, now).fixed64(6, signed(value));
      this.#attributes(7, stat);
      w.end(point).end(gauge).end(metric);
      yield;
    }
    for (const { stat, value, delta } of snapshot.counters) {
      const metric = this.#begin(stat);
      const sum = w.begin(SUM);
      const point = w.begin(1);
      w.fixed64(2, countersAsDeltas ? last : this.#startedNanos)
        .fixed64(3, now)
        .fixed64(6, signed(countersAsDeltas ? delta : value));
      this.#attributes(7, stat);
      // is_monotonic
      w.end(point)
        .varint(2, countersAsDeltas ? DELTA : CUMULATIVE)
        .varint(3, 1)
        .end(sum)
        .end(metric);
      yield;
    }
    for (const stat of snapshot.histograms) {
      const { interval, cumulative } = stat.series.collect();
      const counts = histogramsAsDeltas ? interval : cumulative;
      const bounds = this.#stats.buckets(stat.series);
      const below = counts.cumulative(bounds);
      const metric = this.#begin(stat);
      const histogram = w.begin(HISTOGRAM);
      const point = w.begin(1);
      w.fixed64(2, histogramsAsDeltas ? last : this.#startedNanos)
        .fixed64(3, now)
        .fixed64(4, BigInt(counts.total))
        .double(5, counts.sum());
      w.bytes(6, packed(below.concat(counts.total).map((c, i) => BigInt(c - (below[i - 1] ?? 0)))));
      w.bytes(7, new Uint8Array(new Float64Array(bounds).buffer));
      this.#attributes(9, stat);
      w.end(point)
        .varint(2, histogramsAsDeltas ? DELTA : CUMULATIVE)
        .end(histogram)
        .end(metric);
      yield;
    }
  }

  #begin(stat: SinkStat): number {
    const { prefix, tagExtractedNames } = this.#settings;
    this.#points++;
    const metric = this.#scope.begin(METRICS);
    this.#scope.text(1, prefix + (tagExtractedNames ? stat.extracted.name : stat.series.fullName));
    return metric;
  }

  #attributes(field: number, stat: SinkStat): void {
    if (!this.#settings.tagsAsAttributes) return;
    // Here, and only here, Envoy has them in the order of their names.
    for (const { label, value } of stat.sortedTags) writeAttribute(this.#scope, field, label, value);
  }
}

function writeAttribute(w: ProtobufWriter, field: number, name: string, value: string): void {
  const pair = w.begin(field);
  w.text(1, name);
  const any = w.begin(2);
  w.text(1, value).end(any).end(pair);
}

/** sfixed64: unsigned in the proxy, so that -1 is what it is in Envoy too. */
function signed(value: number): bigint {
  return BigInt.asUintN(64, BigInt(Math.trunc(value)));
}

function packed(values: readonly bigint[]): Uint8Array {
  return new Uint8Array(new BigUint64Array(values).buffer);
}

function nanos(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}
