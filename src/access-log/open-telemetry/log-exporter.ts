/** Log records on their way to an OpenTelemetry collector. Source: Envoy's GrpcAccessLoggerImpl and AccessLog of the open_telemetry extension. */
import type { CustomTag } from '../../http/custom-tags.ts';
import { compileFormat, type Formatter } from '../../http/format/formatter.ts';
import { FormatContext, type FormatEnvironment } from '../../http/format/operator.ts';
import { GRPC_FRAME_HEADER_BYTES } from '../../http/grpc-frames.ts';
import { grpcRequestHeaders } from '../../http/grpc-service.ts';
import { RequestHeaders } from '../../http/header-map.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { wireText } from '../../http/wire-text.ts';
import type { Clock } from '../../runtime/clock.ts';
import { ProtobufWriter } from '../../runtime/protobuf-writer.ts';
import type { AccessLogger } from '../access-logs.ts';
import type { AccessLogFilter } from '../filter.ts';
import { type BatchSender, LogBatch, type LogServiceStats } from '../log-batch.ts';
import type { LogServiceClient } from '../service-client.ts';
import type { OtlpKeyValueSettings, OtlpLogSettings, OtlpValueSettings } from './settings.ts';

export interface LogExporterDeps {
  readonly clock: Clock;
  readonly client: LogServiceClient;
  readonly localInfo: { readonly nodeId: string; readonly clusterName: string; readonly zone: string };
}

/** Requests under way at once: a collector that is slow costs no more memory than theirs. */
const MAX_REPORTS = 16;

/** Shared by the logs that report the same to the same. */
export class LogExporter implements BatchSender {
  readonly batch: LogBatch;
  readonly #settings: OtlpLogSettings;
  readonly #client: LogServiceClient;
  readonly #resource: ProtobufWriter;
  readonly #forget: () => void;
  #reports: number;

  constructor(settings: OtlpLogSettings, deps: LogExporterDeps, stats: LogServiceStats, forget: () => void) {
    this.#settings = settings;
    this.#client = deps.client;
    this.#resource = resourceOf(settings, deps.localInfo);
    this.#forget = forget;
    this.#reports = 0;
    this.batch = new LogBatch(deps.clock, settings.batch, stats, this);
  }

  /** opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest around the records. */
  send(records: ProtobufWriter): boolean {
    if (this.#reports >= MAX_REPORTS) return false;
    const { protocol, cluster, timeoutMs } = this.#settings;
    const message = new ProtobufWriter(records.length + this.#resource.length + 64);
    const ofResource = message.begin(1);
    message.message(1, this.#resource);
    message.message(2, records);
    message.end(ofResource);
    this.#reports++;
    const body = protocol === 'grpc' ? framed(message.finish()) : message.finish();
    if (!this.#client.post(cluster, this.#headers(), body, timeoutMs, this)) this.#reports--;
    return true;
  }

  onAnswer(): void {
    this.#reports--;
  }

  onFailure(): void {
    this.#reports--;
  }

  close(): void {
    this.batch.stop();
  }

  onIdle(): void {
    this.#forget();
  }

  #headers(): RequestHeaders {
    const { protocol, path, authority, headers } = this.#settings;
    if (protocol === 'grpc') return grpcRequestHeaders(this.#settings, path, 0);
    const request = new RequestHeaders('POST', path, authority, 'http');
    request.add('content-type', 'application/x-protobuf');
    for (let i = 0; i < headers.length; i++) request.append(headers[i]![0], headers[i]![1]);
    return request;
  }
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(GRPC_FRAME_HEADER_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, GRPC_FRAME_HEADER_BYTES);
  return frame;
}

function resourceOf(settings: OtlpLogSettings, node: LogExporterDeps['localInfo']): ProtobufWriter {
  const resource = new ProtobufWriter();
  if (settings.builtinLabels) {
    writeText(resource, 1, 'log_name', settings.logName);
    writeText(resource, 1, 'zone_name', wireText(node.zone));
    writeText(resource, 1, 'cluster_name', wireText(node.clusterName));
    writeText(resource, 1, 'node_name', wireText(node.nodeId));
  }
  return resource.raw(settings.resource);
}

/** A KeyValue with a text. */
function writeText(out: ProtobufWriter, field: number, key: string, value: string): void {
  const start = out.begin(field);
  out.text(1, key);
  const text = out.begin(2);
  out.text(1, value);
  out.end(text);
  out.end(start);
}

type ValueWriter = (out: ProtobufWriter, context: FormatContext) => void;

/** Writes the field of an AnyValue. */
function valueWriter(settings: OtlpValueSettings, env: FormatEnvironment): ValueWriter {
  switch (settings.kind) {
    case 'format': {
      const formatter: Formatter = compileFormat(settings.format, env, '-');
      return (out, context) => void out.text(1, formatter.format(context));
    }
    case 'array': {
      const items = settings.values.map((value) => valueWriter(value, env));
      return (out, context) => {
        const start = out.begin(5);
        for (let i = 0; i < items.length; i++) {
          const item = out.begin(1);
          items[i]!(out, context);
          out.end(item);
        }
        out.end(start);
      };
    }
    case 'list': {
      const write = pairsWriter(settings.values, env);
      return (out, context) => {
        const start = out.begin(6);
        write(out, 1, context);
        out.end(start);
      };
    }
  }
}

/** Writes KeyValue messages as `field`. */
function pairsWriter(
  pairs: readonly OtlpKeyValueSettings[],
  env: FormatEnvironment,
): (out: ProtobufWriter, field: number, context: FormatContext) => void {
  const keys = pairs.map((pair) => pair.key);
  const values = pairs.map((pair) => valueWriter(pair.value, env));
  return (out, field, context) => {
    for (let i = 0; i < keys.length; i++) {
      const start = out.begin(field);
      out.text(1, keys[i]!);
      const value = out.begin(2);
      values[i]!(out, context);
      out.end(value);
      out.end(start);
    }
  };
}

export class OtlpLogger implements AccessLogger {
  readonly #exporter: LogExporter;
  readonly #filter: AccessLogFilter | null;
  readonly #body: ValueWriter | null;
  readonly #attributes: (out: ProtobufWriter, field: number, context: FormatContext) => void;
  readonly #customTags: readonly CustomTag[];
  #context: FormatContext | null;

  constructor(
    exporter: LogExporter,
    settings: OtlpLogSettings,
    customTags: readonly CustomTag[],
    filter: AccessLogFilter | null,
    env: FormatEnvironment,
  ) {
    this.#exporter = exporter;
    this.#filter = filter;
    this.#body = settings.body === null ? null : valueWriter(settings.body, env);
    this.#attributes = pairsWriter(settings.attributes, env);
    this.#customTags = customTags;
    this.#context = null;
  }

  /** Writes an opentelemetry.proto.logs.v1.LogRecord. */
  log(info: StreamInfo, type: string): void {
    if (this.#filter !== null && !this.#filter(info, type)) return;
    const { batch } = this.#exporter;
    const out = batch.open(true);
    if (out === null) return;
    this.#context ??= new FormatContext(info);
    const context = this.#context.use(info, type);
    const start = out.begin(2);
    out.fixed64(1, BigInt(Math.round(info.startWallMs * 1000)) * 1000n);
    if (this.#body !== null) {
      const body = out.begin(5);
      this.#body(out, context);
      out.end(body);
    }
    this.#attributes(out, 6, context);
    for (let i = 0; i < this.#customTags.length; i++) {
      const value = this.#customTags[i]!.value(info);
      if (value !== '') writeText(out, 6, this.#customTags[i]!.name, value);
    }
    if (info.traceId !== '') out.bytes(9, Buffer.from(info.traceId.padStart(32, '0'), 'hex'));
    const spanId = info.trace === null ? '' : info.trace.spanId;
    if (spanId !== '') out.bytes(10, Buffer.from(spanId, 'hex'));
    out.end(start);
    batch.close();
  }
}
