/** Access-log settings from their messages. Source: envoy.config.accesslog.v3.AccessLog. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { CompileContext } from '../config/context.ts';
import {
  type AccessLog,
  type AccessLogFilter,
  type ComparisonFilter,
  ComparisonFilter_Op as Op,
} from '../config/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { SubstitutionFormatString } from '../config/gen/envoy/config/core/v3/substitution_format_string_pb.js';
import { AccessLogType } from '../config/gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type { FileAccessLog } from '../config/gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import type { HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig } from '../config/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js';
import type { OpenTelemetryAccessLogConfig } from '../config/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js';
import type { StderrAccessLog, StdoutAccessLog } from '../config/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { didYouMean } from '../config/suggest.ts';
import { compileHeaderMatcher, compileMetadataMatcher, denominatorOf } from '../http/config.ts';
import { compileDataSource } from '../http/data-source-config.ts';
import { compileFormat } from '../http/format/formatter.ts';
import { compileJsonFormat } from '../http/format/json-format.ts';
import { FormatError, NO_ENVIRONMENT } from '../http/format/operator.ts';
import { FLAG_NAMES, flagBit } from '../http/response-flags.ts';
import { checkFormatters } from './formatters-config.ts';
import { compileGrpcLog } from './grpc/config.ts';
import { compileOtlpLog } from './open-telemetry/config.ts';
import {
  type AccessLogFilterSettings,
  type AccessLogSettings,
  type ComparisonSettings,
  DEFAULT_TEXT_FORMAT,
  type LogFormatSettings,
} from './settings.ts';

const FILE = 'envoy.extensions.access_loggers.file.v3.FileAccessLog';
const STDOUT = 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog';
const STDERR = 'envoy.extensions.access_loggers.stream.v3.StderrAccessLog';

const HTTP_GRPC = 'envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig';
const TCP_GRPC = 'envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig';
const OPEN_TELEMETRY = 'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig';

const DEFAULT_FORMAT: LogFormatSettings = { kind: 'text', text: DEFAULT_TEXT_FORMAT, omitEmptyValues: false, contentType: '' };

/** A file with lines of the default format, for fields that name only a path. */
export function plainFileLog(path: string): AccessLogSettings {
  return { sink: { kind: 'file', path }, format: DEFAULT_FORMAT, filter: null };
}

/** null if it was refused, and reported. */
export function compileAccessLog(message: AccessLog, at: CompileContext): AccessLogSettings | null {
  const filter = message.filter === undefined ? null : compileAccessLogFilter(message.filter, at.field('filter'));
  const any = message.configType.case === 'typedConfig' ? message.configType.value : undefined;
  const here = at.field('typed_config');
  const config = here.unpack(any);
  if (config === null) return null;
  switch (config.$typeName) {
    case FILE: {
      const file = config as FileAccessLog;
      if (file.path === '') here.field('path').error('a path is needed');
      return { sink: { kind: 'file', path: file.path }, format: fileFormat(file, here), filter };
    }
    case STDOUT:
    case STDERR: {
      const stream = config as StdoutAccessLog | StderrAccessLog;
      const format =
        stream.accessLogFormat.case === 'logFormat'
          ? compileLogFormat(stream.accessLogFormat.value, here.field('log_format'))
          : DEFAULT_FORMAT;
      return { sink: { kind: config.$typeName === STDOUT ? 'stdout' : 'stderr' }, format, filter };
    }
    case HTTP_GRPC:
    case TCP_GRPC:
    case OPEN_TELEMETRY: {
      const sink =
        config.$typeName === OPEN_TELEMETRY
          ? compileOtlpLog(config as OpenTelemetryAccessLogConfig, here)
          : compileGrpcLog(config as HttpGrpcAccessLogConfig | TcpGrpcAccessLogConfig, here);
      return sink === null ? null : { sink, format: DEFAULT_FORMAT, filter };
    }
    default:
      here.notImplemented(`access logger ${config.$typeName} is not supported by Outrider yet`);
      return null;
  }
}

function fileFormat(file: FileAccessLog, at: CompileContext): LogFormatSettings {
  const format = file.accessLogFormat;
  switch (format.case) {
    case undefined:
      return DEFAULT_FORMAT;
    case 'format':
      return format.value === '' ? DEFAULT_FORMAT : textFormat(format.value, false, '', at.field('format'));
    case 'jsonFormat':
      return jsonFormat(format.value, false, '', at.field('json_format'));
    case 'typedJsonFormat':
      return jsonFormat(format.value, false, '', at.field('typed_json_format'));
    case 'logFormat':
      return compileLogFormat(format.value, at.field('log_format'));
  }
}

/** Also the body_format of local replies. */
export function compileLogFormat(message: SubstitutionFormatString, at: CompileContext): LogFormatSettings {
  checkFormatters(message.formatters, at);
  const { omitEmptyValues, contentType, format } = message;
  switch (format.case) {
    case 'textFormat':
      return textFormat(format.value, omitEmptyValues, contentType, at.field('text_format'));
    case 'textFormatSource':
      return textFormat(
        compileDataSource(format.value, at.field('text_format_source')),
        omitEmptyValues,
        contentType,
        at.field('text_format_source'),
      );
    case 'jsonFormat':
      return jsonFormat(format.value, omitEmptyValues, contentType, at.field('json_format'));
    default:
      at.error('one of text_format, text_format_source and json_format is needed');
      return DEFAULT_FORMAT;
  }
}

function textFormat(text: string, omitEmptyValues: boolean, contentType: string, at: CompileContext): LogFormatSettings {
  check(() => compileFormat(text, NO_ENVIRONMENT, '-'), at);
  return { kind: 'text', text, omitEmptyValues, contentType };
}

function jsonFormat(object: JsonObject, omitEmptyValues: boolean, contentType: string, at: CompileContext): LogFormatSettings {
  check(() => compileJsonFormat(object, NO_ENVIRONMENT, omitEmptyValues), at);
  return { kind: 'json', object, omitEmptyValues, contentType };
}

function check(compile: () => unknown, at: CompileContext): void {
  try {
    compile();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    at.error(error.message);
  }
}

export function compileAccessLogFilter(message: AccessLogFilter, at: CompileContext): AccessLogFilterSettings | null {
  const specifier = message.filterSpecifier;
  switch (specifier.case) {
    case 'statusCodeFilter':
      return { kind: 'status_code', comparison: compileComparison(specifier.value.comparison) };
    case 'durationFilter':
      return { kind: 'duration', comparison: compileComparison(specifier.value.comparison) };
    case 'notHealthCheckFilter':
      return { kind: 'not_health_check' };
    case 'traceableFilter':
      return { kind: 'traceable' };
    case 'runtimeFilter': {
      const { runtimeKey, percentSampled, useIndependentRandomness } = specifier.value;
      const denominator = percentSampled === undefined ? 100 : denominatorOf(percentSampled);
      return {
        kind: 'runtime',
        fraction: { runtimeKey, numerator: percentSampled?.numerator ?? 0, denominator },
        independent: useIndependentRandomness,
      };
    }
    case 'andFilter':
      return { kind: 'and', filters: compileFilters(specifier.value.filters, at.field('and_filter')) };
    case 'orFilter':
      return { kind: 'or', filters: compileFilters(specifier.value.filters, at.field('or_filter')) };
    case 'headerFilter':
      if (specifier.value.header === undefined) return null;
      return { kind: 'header', matcher: compileHeaderMatcher(specifier.value.header, at.field('header_filter').field('header')) };
    case 'responseFlagFilter': {
      let flags = 0;
      specifier.value.flags.forEach((flag, i) => {
        const bit = flagBit(flag);
        if (bit === 0)
          at.field('response_flag_filter')
            .field('flags', i)
            .error(`unknown response flag '${flag}'${didYouMean(flag, FLAG_NAMES)}`);
        flags |= bit;
      });
      return { kind: 'response_flag', flags };
    }
    case 'grpcStatusFilter':
      return { kind: 'grpc_status', statuses: [...specifier.value.statuses], exclude: specifier.value.exclude };
    case 'metadataFilter': {
      const { matcher, matchIfKeyNotFound } = specifier.value;
      if (matcher === undefined) return null;
      return {
        kind: 'metadata',
        matcher: compileMetadataMatcher(matcher, at.field('metadata_filter').field('matcher')),
        matchIfKeyNotFound: matchIfKeyNotFound ?? true,
      };
    }
    case 'logTypeFilter':
      return { kind: 'log_type', types: specifier.value.types.map((type) => AccessLogType[type] ?? ''), exclude: specifier.value.exclude };
    case 'extensionFilter':
      at.unsupported('extension_filter');
      return null;
    default:
      at.error('a filter is needed');
      return null;
  }
}

function compileFilters(messages: readonly AccessLogFilter[], at: CompileContext): AccessLogFilterSettings[] {
  return messages.map((message, i) => compileAccessLogFilter(message, at.field('filters', i))).filter((filter) => filter !== null);
}

function compileComparison(message: ComparisonFilter | undefined): ComparisonSettings {
  const op = message?.op === Op.GE ? 'GE' : message?.op === Op.LE ? 'LE' : message?.op === Op.NE ? 'NE' : 'EQ';
  return { op, value: message?.value?.defaultValue ?? 0, runtimeKey: message?.value?.runtimeKey ?? '' };
}
