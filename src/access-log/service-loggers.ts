/** The loggers of log services on one worker: those that are configured alike share a stream, or batches. */
import { buildCustomTag } from '../http/custom-tags.ts';
import type { FormatEnvironment } from '../http/format/operator.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Clock } from '../runtime/clock.ts';
import type { StatsScope } from '../stats/scope.ts';
import type { AccessLogger, ServiceLoggers } from './access-logs.ts';
import type { AccessLogFilter } from './filter.ts';
import { type HttpProperties, writeHttpEntry, writeTcpEntry } from './grpc/entries.ts';
import { LogStream, type LogStreamSettings } from './grpc/log-stream.ts';
import { LogServiceStats } from './log-batch.ts';
import { LogExporter, OtlpLogger } from './open-telemetry/log-exporter.ts';
import type { OtlpLogSettings } from './open-telemetry/settings.ts';
import type { LogServiceClient } from './service-client.ts';
import type { ServiceSink } from './settings.ts';

export interface ServiceLogDeps {
  readonly clock: Clock;
  readonly rootScope: StatsScope;
  readonly format: FormatEnvironment;
  readonly client: LogServiceClient;
  /** envoy.config.core.v3.Node of this proxy. */
  readonly node: Uint8Array;
  readonly localInfo: { readonly nodeId: string; readonly clusterName: string; readonly zone: string };
}

class GrpcLogger implements AccessLogger {
  readonly #stream: LogStream;
  readonly #http: boolean;
  readonly #properties: HttpProperties;
  readonly #filter: AccessLogFilter | null;

  constructor(stream: LogStream, http: boolean, properties: HttpProperties, filter: AccessLogFilter | null) {
    this.#stream = stream;
    this.#http = http;
    this.#properties = properties;
    this.#filter = filter;
  }

  log(info: StreamInfo, type: string): void {
    if (this.#filter !== null && !this.#filter(info, type)) return;
    const { batch } = this.#stream;
    const out = batch.open(this.#http);
    if (out === null) return;
    const start = out.begin(1);
    if (this.#http) writeHttpEntry(out, info, type, this.#properties);
    else writeTcpEntry(out, info, type, this.#properties);
    out.end(start);
    batch.close();
  }
}

export class ServiceLogs implements ServiceLoggers {
  readonly #deps: ServiceLogDeps;
  readonly #streams = new Map<string, LogStream>();
  readonly #exporters = new Map<string, LogExporter>();
  #grpcStats: LogServiceStats | null = null;

  constructor(deps: ServiceLogDeps) {
    this.#deps = deps;
  }

  logger(sink: ServiceSink, filter: AccessLogFilter | null): AccessLogger {
    const { format } = this.#deps;
    const customTags = sink.customTags.map((tag) => buildCustomTag(tag, format));
    if (sink.kind === 'open_telemetry') return new OtlpLogger(this.#exporter(sink), sink, customTags, filter, format);
    return new GrpcLogger(
      this.#stream(sink.stream),
      sink.stream.entries === 'http',
      { ...sink, customTags, redacted: format.redacted ?? null },
      filter,
    );
  }

  /** Sends what has gathered. */
  close(): void {
    for (const stream of this.#streams.values()) stream.close();
    for (const exporter of this.#exporters.values()) exporter.close();
  }

  #stream(settings: LogStreamSettings): LogStream {
    const key = JSON.stringify(settings);
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      this.#grpcStats ??= new LogServiceStats(this.#deps.rootScope.scope('access_logs').scope('grpc_access_log'), true);
      stream = new LogStream(settings, this.#deps, this.#grpcStats, () => this.#streams.delete(key));
      this.#streams.set(key, stream);
    }
    return stream;
  }

  #exporter(settings: OtlpLogSettings): LogExporter {
    const { body: _body, attributes: _attributes, customTags: _tags, ...shared } = settings;
    const key = JSON.stringify({ ...shared, resource: Buffer.from(settings.resource).toString('latin1') });
    let exporter = this.#exporters.get(key);
    if (exporter === undefined) {
      const scope = this.#deps.rootScope.scope('access_logs').scope('open_telemetry_access_log');
      const prefix = settings.statPrefix.slice(0, -1);
      const stats = new LogServiceStats(prefix === '' ? scope : scope.scope(prefix), false);
      exporter = new LogExporter(settings, this.#deps, stats, () => this.#exporters.delete(key));
      this.#exporters.set(key, exporter);
    }
    return exporter;
  }
}
