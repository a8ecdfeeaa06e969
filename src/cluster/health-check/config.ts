/** Health check settings of a cluster. Source: Cluster.health_checks, Endpoint.HealthCheckConfig. */
import type { CompileContext } from '../../config/context.ts';
import type { Cluster } from '../../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  HeaderValueOption_HeaderAppendAction as AppendAction,
  type HeaderValueOption,
  RequestMethod,
} from '../../config/gen/envoy/config/core/v3/base_pb.js';
import type {
  HealthCheck_GrpcHealthCheck as GrpcHealthCheck,
  HealthCheck,
  HealthCheck_HttpHealthCheck as HttpHealthCheck,
  HealthCheck_Payload as Payload,
  HealthCheck_TcpHealthCheck as TcpHealthCheck,
} from '../../config/gen/envoy/config/core/v3/health_check_pb.js';
import type { Endpoint_HealthCheckConfig as HealthCheckConfig } from '../../config/gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
import type { HealthCheckEventFileSink } from '../../config/gen/envoy/extensions/health_check/event_sinks/file/v3/file_pb.js';
import type { Redis } from '../../config/gen/envoy/extensions/health_checkers/redis/v3/redis_pb.js';
import type { HttpProtocolOptions } from '../../config/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { CodecClientType } from '../../config/gen/envoy/type/v3/http_pb.js';
import type { Int64Range } from '../../config/gen/envoy/type/v3/range_pb.js';
import { unpackAny } from '../../config/unpack.ts';
import { compileStringMatcher, durationMs } from '../../http/config.ts';
import { compileFormat } from '../../http/format/formatter.ts';
import { FormatError, NO_ENVIRONMENT } from '../../http/format/operator.ts';
import type { CheckHeaderSettings, CheckSettings, EndpointCheckSettings, HealthCheckSettings, StatusRange } from './settings.ts';

const REDIS = 'envoy.extensions.health_checkers.redis.v3.Redis';
const FILE_SINK = 'envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink';

export function compileHealthCheck(message: Cluster, at: CompileContext): HealthCheckSettings | null {
  const check = message.healthChecks[0];
  if (check === undefined) return null;
  if (message.healthChecks.length > 1) at.error('Multiple health checks not supported');
  const here = at.field('health_checks', 0);
  if (check.healthChecker.case === 'grpcHealthCheck' && !speaksHttp2(message)) {
    here.field('grpc_health_check').error(`${message.name} cluster must support HTTP/2 for gRPC healthchecking`);
  }
  const settings = compileCheck(check, here);
  if (settings === null) return null;
  const intervalMs = durationMs(check.interval) ?? 0;
  const noTrafficIntervalMs = durationMs(check.noTrafficInterval) ?? 60_000;
  const unhealthyIntervalMs = durationMs(check.unhealthyInterval) ?? intervalMs;
  return {
    timeoutMs: durationMs(check.timeout) ?? 0,
    intervalMs,
    initialJitterMs: durationMs(check.initialJitter) ?? 0,
    intervalJitterMs: durationMs(check.intervalJitter) ?? 0,
    intervalJitterPercent: check.intervalJitterPercent,
    noTrafficIntervalMs,
    noTrafficHealthyIntervalMs: durationMs(check.noTrafficHealthyInterval) ?? noTrafficIntervalMs,
    unhealthyIntervalMs,
    unhealthyEdgeIntervalMs: durationMs(check.unhealthyEdgeInterval) ?? unhealthyIntervalMs,
    healthyEdgeIntervalMs: durationMs(check.healthyEdgeInterval) ?? intervalMs,
    unhealthyThreshold: check.unhealthyThreshold ?? 1,
    healthyThreshold: check.healthyThreshold ?? 1,
    reuseConnection: check.reuseConnection ?? true,
    logFailures: check.alwaysLogHealthCheckFailures,
    logSuccesses: check.alwaysLogHealthCheckSuccess,
    eventLogs: eventLogs(check, here),
    alpn: check.tlsOptions?.alpnProtocols ?? [],
    transportSocketCriteria: (check.transportSocketMatchCriteria as Readonly<Record<string, unknown>> | undefined) ?? null,
    check: settings,
  };
}

/** The cluster's protocol options name HTTP/2, be it as one of several. */
function speaksHttp2(message: Cluster): boolean {
  const any = message.typedExtensionProtocolOptions['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];
  const unpacked = any === undefined ? null : unpackAny(any);
  if (unpacked === null || 'failure' in unpacked) return message.http2ProtocolOptions !== undefined;
  const { upstreamProtocolOptions: options } = unpacked.message as HttpProtocolOptions;
  if (options.case === 'explicitHttpConfig') return options.value.protocolConfig.case === 'http2ProtocolOptions';
  return (
    options.case === 'autoConfig' || (options.case === 'useDownstreamProtocolConfig' && options.value.http2ProtocolOptions !== undefined)
  );
}

function compileCheck(check: HealthCheck, at: CompileContext): CheckSettings | null {
  const { healthChecker } = check;
  switch (healthChecker.case) {
    case 'httpHealthCheck':
      return compileHttp(healthChecker.value, at.field('http_health_check'));
    case 'tcpHealthCheck':
      return compileTcp(healthChecker.value, at.field('tcp_health_check'));
    case 'grpcHealthCheck':
      return compileGrpc(healthChecker.value, at.field('grpc_health_check'));
    case 'customHealthCheck': {
      const any = healthChecker.value.configType.case === 'typedConfig' ? healthChecker.value.configType.value : undefined;
      const here = at.field('custom_health_check').field('typed_config');
      const custom = here.unpack(any);
      if (custom === null) return null;
      if (custom.$typeName === REDIS) return { kind: 'REDIS', key: (custom as Redis).key };
      here.notImplemented(`health checker ${custom.$typeName} is not supported by Outrider yet`);
      return null;
    }
    default:
      at.error('a health checker is required');
      return null;
  }
}

function compileHttp(check: HttpHealthCheck, at: CompileContext): CheckSettings {
  const method = check.method === RequestMethod.METHOD_UNSPECIFIED ? 'GET' : (RequestMethod[check.method] ?? 'GET');
  const send = check.send === undefined ? '' : payload(check.send, at.field('send'));
  if (send !== '' && !['POST', 'PUT', 'PATCH', 'OPTIONS'].includes(method)) {
    at.field('send').error(
      `HTTP health check cannot specify a request payload with method '${method}'. Only methods that support a request body (POST, PUT, PATCH, OPTIONS) can be used with payload.`,
    );
  }
  const expected = check.expectedStatuses.map((range, i) => statusRange(range, 'expected', at.field('expected_statuses', i)));
  return {
    kind: 'HTTP',
    http2: check.codecClientType === CodecClientType.HTTP2,
    method,
    host: check.host,
    path: check.path,
    addHeaders: headersToAdd(check.requestHeadersToAdd, at, 'request_headers_to_add'),
    removeHeaders: check.requestHeadersToRemove.map((name) => name.toLowerCase()),
    send,
    receive: check.receive.map((block, i) => payload(block, at.field('receive', i))),
    responseBufferSize: Number(check.responseBufferSize ?? 1024n),
    expected: expected.length === 0 ? [{ start: 200, end: 201 }] : expected,
    retriable: check.retriableStatuses.map((range, i) => statusRange(range, 'retriable', at.field('retriable_statuses', i))),
    serviceName:
      check.serviceNameMatcher === undefined ? null : compileStringMatcher(check.serviceNameMatcher, at.field('service_name_matcher')),
  };
}

function compileTcp(check: TcpHealthCheck, at: CompileContext): CheckSettings {
  return {
    kind: 'TCP',
    send: check.send === undefined ? '' : payload(check.send, at.field('send')),
    receive: check.receive.map((block, i) => payload(block, at.field('receive', i))),
  };
}

function compileGrpc(check: GrpcHealthCheck, at: CompileContext): CheckSettings {
  return {
    kind: 'GRPC',
    service: check.serviceName,
    authority: check.authority,
    addHeaders: headersToAdd(check.initialMetadata, at, 'initial_metadata'),
  };
}

/** In hex. */
function payload(message: Payload, at: CompileContext): string {
  const { payload } = message;
  if (payload.case === 'binary') return Buffer.from(payload.value).toString('hex');
  const text = payload.value ?? '';
  if (text === '' || text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) at.field('text').error(`invalid hex string '${text}'`);
  return text.toLowerCase();
}

function statusRange(range: Int64Range, kind: string, at: CompileContext): StatusRange {
  const start = Number(range.start);
  const end = Number(range.end);
  const wrong = (what: string): void => at.error(`Invalid http ${kind} status range: expecting ${what}`);
  if (start >= end) wrong(`start < end, but found start=${start} and end=${end}`);
  else if (start < 100) wrong(`start >= 100, but found start=${start}`);
  else if (end > 600) wrong(`end <= 600, but found end=${end}`);
  return { start, end };
}

const ACTIONS: Readonly<Record<number, CheckHeaderSettings['action']>> = {
  [AppendAction.APPEND_IF_EXISTS_OR_ADD]: 'APPEND',
  [AppendAction.ADD_IF_ABSENT]: 'ADD_IF_ABSENT',
  [AppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: 'OVERWRITE',
  [AppendAction.OVERWRITE_IF_EXISTS]: 'OVERWRITE_IF_EXISTS',
};

function headersToAdd(options: readonly HeaderValueOption[], at: CompileContext, fieldName: string): CheckHeaderSettings[] {
  return options.map((option, i) => {
    const here = at.field(fieldName, i).field('header');
    const name = option.header?.key ?? '';
    const value = option.header?.value ?? '';
    if (name.startsWith(':') || name.toLowerCase() === 'host') here.field('key').error(':-prefixed or host headers may not be modified');
    try {
      compileFormat(value, NO_ENVIRONMENT, '');
    } catch (e) {
      if (!(e instanceof FormatError)) throw e;
      here.field('value').error(e.message);
    }
    const action = option.append === false ? AppendAction.OVERWRITE_IF_EXISTS_OR_ADD : option.appendAction;
    return { name: name.toLowerCase(), value, action: ACTIONS[action] ?? 'APPEND', keepEmpty: option.keepEmptyValue };
  });
}

function eventLogs(check: HealthCheck, at: CompileContext): string[] {
  const paths = check.eventLogPath === '' ? [] : [check.eventLogPath];
  for (const [i, logger] of check.eventLogger.entries()) {
    const here = at.field('event_logger', i).field('typed_config');
    const sink = here.unpack(logger.typedConfig);
    if (sink === null) continue;
    if (sink.$typeName === FILE_SINK) paths.push((sink as HealthCheckEventFileSink).eventLogPath);
    else here.notImplemented(`health check event sink ${sink.$typeName} is not supported by Outrider yet`);
  }
  return paths;
}

/** null: as the cluster says. */
export function compileEndpointCheck(message: HealthCheckConfig | undefined, at: CompileContext): EndpointCheckSettings | null {
  if (message === undefined) return null;
  const address = message.address?.address;
  let ip = '';
  let path = '';
  let port = message.portValue;
  if (address?.case === 'pipe') path = address.value.path;
  else if (address?.case === 'socketAddress') {
    ip = address.value.address;
    if (port === 0 && address.value.portSpecifier.case === 'portValue') port = address.value.portSpecifier.value;
  } else if (address !== undefined && address.case !== undefined) at.unsupported('address');
  return { disabled: message.disableActiveHealthCheck, port, ip, path, hostname: message.hostname };
}
