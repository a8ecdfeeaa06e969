/** Sinks behind a cluster: a worker makes their calls, since clusters live there. */
import { ProtobufWriter } from '../../runtime/protobuf-writer.ts';
import type { StatsAggregate } from '../../stats/aggregate.ts';
import type { Counter } from '../../stats/scope.ts';
import { MetricFamilies } from '../../stats/sinks/metric-families.ts';
import { OtlpMetrics } from '../../stats/sinks/otlp-metrics.ts';
import type { MetricsServiceSettings, OtlpMetricsSettings, SinkService, TcpStatsdSettings } from '../../stats/sinks/settings.ts';
import type { SinkStat, StatsSnapshot } from '../../stats/sinks/snapshot.ts';
import { StatsdLines } from '../../stats/sinks/statsd-lines.ts';
import type { NodeSettings } from '../compiled.ts';
import type { ClusterAnswer, ClusterCall } from '../messages.ts';

/** As long as so many requests are not answered nothing more is sent: a collector that hangs costs no more memory than theirs. */
const MAX_UNDER_WAY = 4;
/** Text for a worker, which writes it to the connection that it keeps. */
const WRITE_CHARS = 65_536;

export interface SinkCalls {
  call(call: ClusterCall): Promise<ClusterAnswer>;
  /** @returns false if more than the connection may hold was waiting: it has been closed */
  write(cluster: string, text: string): Promise<boolean>;
}

function clusterCall(service: SinkService, body: Uint8Array): ClusterCall {
  const { cluster, path, authority, headers, timeoutMs } = service;
  return { cluster, path, authority, headers, timeoutMs, body, stream: '' };
}

export class OtlpSink {
  readonly #settings: OtlpMetricsSettings;
  readonly #metrics: OtlpMetrics;
  readonly #calls: SinkCalls;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #dropped: Counter;

  /** @param dropped counts intervals that were not sent since too much is unanswered */
  constructor(
    settings: OtlpMetricsSettings,
    version: string,
    stats: StatsAggregate,
    startedWallMs: number,
    calls: SinkCalls,
    dropped: Counter,
  ) {
    this.#settings = settings;
    this.#calls = calls;
    this.#dropped = dropped;
    const sdk: [string, string][] = [
      ['telemetry.sdk.language', 'nodejs'],
      ['telemetry.sdk.name', 'outrider'],
      ['telemetry.sdk.version', version],
    ];
    this.#metrics = new OtlpMetrics(settings, [...settings.resource, ...sdk], stats, startedWallMs);
  }

  *flush(snapshot: StatsSnapshot): Generator<null> {
    if (this.#underWay.size >= MAX_UNDER_WAY) {
      this.#dropped.inc();
      return;
    }
    for (const request of this.#metrics.requests(snapshot)) {
      if (request === null) yield null;
      else this.#send(request);
    }
  }

  /** Of requests that are under way. */
  get answered(): Promise<unknown> {
    return Promise.all(this.#underWay);
  }

  #send(request: Uint8Array): void {
    const answer = this.#calls.call(clusterCall(this.#settings.service, request)).catch(() => undefined);
    this.#underWay.add(answer);
    void answer.then(() => this.#underWay.delete(answer));
  }
}

export class MetricsServiceSink {
  readonly #settings: MetricsServiceSettings;
  readonly #families: MetricFamilies;
  readonly #calls: SinkCalls;
  readonly #identifier: Uint8Array;
  readonly #stream: string;
  #last: Promise<unknown> = Promise.resolve();

  /** @param name of its stream, which no other sink has */
  constructor(
    settings: MetricsServiceSettings,
    name: string,
    node: NodeSettings,
    version: string,
    stats: StatsAggregate,
    calls: SinkCalls,
  ) {
    this.#settings = settings;
    this.#calls = calls;
    this.#stream = name;
    this.#families = new MetricFamilies(settings, stats);
    this.#identifier = identifier(node, version);
  }

  *flush(snapshot: StatsSnapshot): Generator<null> {
    const { service } = this.#settings;
    for (const message of this.#families.messages(snapshot)) {
      if (message === null) yield null;
      else
        this.#last = this.#calls
          .call({ ...clusterCall(service, message), stream: this.#stream, opening: this.#identifier })
          .catch(() => undefined);
    }
  }

  get answered(): Promise<unknown> {
    return this.#last;
  }
}

/** StreamMetricsMessage.identifier: who speaks. */
function identifier(node: NodeSettings, version: string): Uint8Array {
  const w = new ProtobufWriter();
  const start = w.begin(1);
  const inner = w.begin(1);
  w.text(1, node.id).text(2, node.cluster);
  if (node.region !== '' || node.zone !== '' || node.subZone !== '') {
    const locality = w.begin(4);
    w.text(1, node.region).text(2, node.zone).text(3, node.subZone).end(locality);
  }
  w.text(6, 'outrider').text(7, version).end(inner).end(start);
  return w.finish();
}

export class TcpStatsd {
  readonly #cluster: string;
  readonly #lines: StatsdLines;
  readonly #calls: SinkCalls;
  readonly #overflow: Counter;
  #pending = '';
  #last: Promise<unknown> = Promise.resolve();

  /** @param overflow statsd.cx_overflow */
  constructor(settings: TcpStatsdSettings, calls: SinkCalls, overflow: Counter) {
    this.#cluster = settings.cluster;
    this.#lines = new StatsdLines(settings.prefix, 'none');
    this.#calls = calls;
    this.#overflow = overflow;
  }

  *flush(snapshot: StatsSnapshot): Generator<null> {
    for (const line of this.#lines.flush(snapshot)) {
      if (line === '') yield null;
      else this.#add(line);
    }
    this.#send();
  }

  value(stat: SinkStat, value: number): void {
    this.#add(this.#lines.value(stat, value));
  }

  valuesEnd(): void {
    this.#send();
  }

  get answered(): Promise<unknown> {
    return this.#last;
  }

  #add(line: string): void {
    this.#pending += line + '\n';
    if (this.#pending.length >= WRITE_CHARS) this.#send();
  }

  #send(): void {
    if (this.#pending === '') return;
    const text = this.#pending;
    this.#pending = '';
    this.#last = this.#calls.write(this.#cluster, text).then(
      (whole) => {
        if (!whole) this.#overflow.inc();
      },
      () => undefined,
    );
  }
}
