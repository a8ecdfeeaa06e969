/** OpenTelemetry access logs from their messages. Source: envoy.extensions.access_loggers.open_telemetry.v3. */
import type { CompileContext } from '../../config/context.ts';
import type { OpenTelemetryAccessLogConfig } from '../../config/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js';
import type { AnyValue, KeyValue } from '../../config/gen/opentelemetry/proto/common/v1/common_pb.js';
import { durationMs } from '../../http/config.ts';
import { checkFormat, compileCustomTags } from '../../http/custom-tags-config.ts';
import { compileResource } from '../../http/otlp-resource-config.ts';
import { compileGrpcService, compileHttpService } from '../../http/service-config.ts';
import { wireText } from '../../http/wire-text.ts';
import { ProtobufWriter } from '../../runtime/protobuf-writer.ts';
import { checkFormatters } from '../formatters-config.ts';
import { DEFAULT_BUFFER_BYTES, DEFAULT_FLUSH_INTERVAL_MS } from '../grpc/config.ts';
import type { OtlpKeyValueSettings, OtlpLogSettings, OtlpValueSettings } from './settings.ts';

const EXPORT = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

/** null if it was refused, and reported. */
export function compileOtlpLog(message: OpenTelemetryAccessLogConfig, at: CompileContext): OtlpLogSettings | null {
  const service = compileService(message, at);
  if (service === null) return null;
  checkFormatters(message.formatters, at);
  const common = message.commonConfig;
  if (common?.grpcStreamRetryPolicy !== undefined) at.field('common_config').unsupported('grpc_stream_retry_policy');
  const interval = message.bufferFlushInterval ?? common?.bufferFlushInterval;
  const resource = new ProtobufWriter();
  for (const pair of message.resourceAttributes?.values ?? []) writeConstant(resource, pair);
  for (const [name, value] of compileResource(message.resourceDetectors, at)) {
    const start = resource.begin(1);
    resource.text(1, name);
    const text = resource.begin(2);
    resource.text(1, value);
    resource.end(text);
    resource.end(start);
  }
  return {
    kind: 'open_telemetry',
    batch: {
      flushIntervalMs: durationMs(interval) ?? DEFAULT_FLUSH_INTERVAL_MS,
      bufferBytes: message.bufferSizeBytes ?? common?.bufferSizeBytes ?? DEFAULT_BUFFER_BYTES,
    },
    ...service,
    resource: Uint8Array.from(resource.finish()),
    builtinLabels: !message.disableBuiltinLabels,
    logName: wireText(message.logName || (common?.logName ?? '')),
    body: message.body === undefined ? null : compileValue(message.body, at.field('body')),
    attributes: compilePairs(message.attributes?.values ?? [], at.field('attributes')),
    customTags: [...compileCustomTags(message.customTags, at), ...compileCustomTags(common?.customTags ?? [], at.field('common_config'))],
    statPrefix: message.statPrefix === '' || message.statPrefix.endsWith('.') ? message.statPrefix : `${message.statPrefix}.`,
  };
}

function compileService(message: OpenTelemetryAccessLogConfig, at: CompileContext) {
  const { httpService, grpcService, commonConfig } = message;
  if (httpService !== undefined) {
    if (grpcService !== undefined || commonConfig?.grpcService !== undefined) at.error('grpc_service and http_service cannot both be set');
    return { protocol: 'http' as const, ...compileHttpService(httpService, at.field('http_service')) };
  }
  const grpc = grpcService ?? commonConfig?.grpcService;
  if (grpc === undefined) {
    at.error('one of grpc_service and http_service is required');
    return null;
  }
  const here = grpcService === undefined ? at.field('common_config') : at;
  const service = compileGrpcService(grpc, here.field('grpc_service'));
  // Envoy takes no notice of the service's timeout here.
  return service === null ? null : { protocol: 'grpc' as const, path: EXPORT, ...service, timeoutMs: 0 };
}

function compilePairs(pairs: readonly KeyValue[], at: CompileContext): OtlpKeyValueSettings[] {
  return pairs.map((pair, i) => ({ key: wireText(pair.key), value: compileValue(pair.value, at.field('values', i).field('value')) }));
}

function compileValue(message: AnyValue | undefined, at: CompileContext): OtlpValueSettings {
  const value = message?.value;
  switch (value?.case) {
    case 'stringValue':
      return { kind: 'format', format: checkFormat(value.value, at.field('string_value')) };
    case 'arrayValue':
      return {
        kind: 'array',
        values: value.value.values.map((item, i) => compileValue(item, at.field('array_value').field('values', i))),
      };
    case 'kvlistValue':
      return { kind: 'list', values: compilePairs(value.value.values, at.field('kvlist_value')) };
    default:
      at.error('Only string values, key-value lists and arrays are supported in formats of OpenTelemetry access logs.');
      return { kind: 'format', format: '' };
  }
}

/** A KeyValue as field 1. */
function writeConstant(out: ProtobufWriter, pair: KeyValue): void {
  const start = out.begin(1);
  out.text(1, wireText(pair.key));
  if (pair.value !== undefined) {
    const value = out.begin(2);
    writeAnyValue(out, pair.value);
    out.end(value);
  }
  out.end(start);
}

function writeAnyValue(out: ProtobufWriter, message: AnyValue): void {
  const { value } = message;
  switch (value.case) {
    case 'stringValue':
      out.text(1, wireText(value.value));
      break;
    case 'boolValue':
      out.varint(2, value.value ? 1 : 0);
      break;
    case 'intValue':
      out.signed(3, Number(value.value));
      break;
    case 'doubleValue':
      out.double(4, value.value);
      break;
    case 'arrayValue': {
      const start = out.begin(5);
      for (const item of value.value.values) {
        const one = out.begin(1);
        writeAnyValue(out, item);
        out.end(one);
      }
      out.end(start);
      break;
    }
    case 'kvlistValue': {
      const start = out.begin(6);
      for (const item of value.value.values) writeConstant(out, item);
      out.end(start);
      break;
    }
    case 'bytesValue':
      out.bytes(7, value.value);
      break;
    default:
      break;
  }
}
