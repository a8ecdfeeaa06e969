/** Connection manager settings from their message. Source: envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { compileAccessLogFilter, compileLogFormat } from '../../../access-log/config.ts';
import { type AccessLogSettings, DEFAULT_TEXT_FORMAT } from '../../../access-log/settings.ts';
import type { CompileContext } from '../../../config/context.ts';
import { anyTypeName } from '../../../config/context.ts';
import type { AccessLog } from '../../../config/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { HttpProtocolOptions_HeadersWithUnderscoresAction as Underscores } from '../../../config/gen/envoy/config/core/v3/protocol_pb.js';
import type { RouteConfiguration } from '../../../config/gen/envoy/config/route/v3/route_pb.js';
import {
  HttpConnectionManager_CodecType as CodecType,
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert,
  type HttpConnectionManager,
  type HttpFilter,
  type LocalReplyConfig,
  type HttpConnectionManager_ProxyStatusConfig as ProxyStatusConfig,
  type Rds,
  type ScopedRoutes,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '../../../config/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { HeaderMutation as EarlyHeaderMutation } from '../../../config/gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import type { CustomHeaderConfig } from '../../../config/gen/envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header_pb.js';
import type { XffConfig } from '../../../config/gen/envoy/extensions/http/original_ip_detection/xff/v3/xff_pb.js';
import type { UuidRequestIdConfig } from '../../../config/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.js';
import { durationMs } from '../../../http/config.ts';
import { compileDataSource } from '../../../http/data-source-config.ts';
import { compileHttp1Options } from '../../../http/h1/config.ts';
import { compileHttp2Options } from '../../../http/h2/config.ts';
import { parseCidr } from '../../../net/cidr.ts';
import { compileHeaderAdds } from '../../../route/config.ts';
import { compileHeaderSteps } from '../../../route/headers/config.ts';
import type { HeaderStepSettings } from '../../../route/headers/header-steps.ts';
import type { ScopedRoutesSettings } from '../../../route/scoped/scoped-routes.ts';
import type { RouteTableSettings } from '../../../route/settings.ts';
import { compileTracing } from '../../../tracing/config.ts';
import type { TracerSettings } from '../../../tracing/settings.ts';
import type { LocalReplySettings } from './local-reply.ts';
import type { ProxyStatusSettings } from './proxy-status.ts';
import type { HcmSettings, HttpFilterSettings, OriginalIpDetectionSettings } from './settings.ts';

/** Compilers of the parts, injected: a filter never knows the registry. */
export interface HcmCompilers {
  /** Settings of the HTTP filter whose configuration is `any`; null if it was refused (and reported). */
  httpFilter(any: Any, at: CompileContext): { type: string; settings: unknown; terminal: boolean } | null;
  /** @param filterNames all of the chain's, those that were refused too: routes may speak of them */
  routes(message: RouteConfiguration, filterNames: readonly string[], at: CompileContext): RouteTableSettings;
  scopedRoutes(message: ScopedRoutes, filterNames: readonly string[], at: CompileContext): ScopedRoutesSettings;
  accessLog(message: AccessLog, at: CompileContext): AccessLogSettings | null;
  /** Notes the subscription. */
  rds(message: Rds, statPrefix: string, at: CompileContext): void;
  readonly strictHttp1: boolean;
  /** For those that trace and name no provider; null = there is none, or this is not known here. */
  readonly tracer: TracerSettings | null;
  /** null: it may come later (CDS). */
  clusterExists(name: string): boolean | null;
}

const XFF_TYPE = 'envoy.extensions.http.original_ip_detection.xff.v3.XffConfig';
const CUSTOM_HEADER_TYPE = 'envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig';
const EARLY_MUTATION_TYPE = 'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation';
const UUID_TYPE = 'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig';

function compileRoutes(message: HttpConnectionManager, at: CompileContext, compilers: HcmCompilers): HcmSettings['routeConfig'] {
  const specifier = message.routeSpecifier;
  const filters = [message.httpFilters, ...message.upgradeConfigs.map((upgrade) => upgrade.filters)].flat().map((filter) => filter.name);
  if (specifier.case === 'routeConfig') return compilers.routes(specifier.value, filters, at.field('route_config'));
  return specifier.case === 'scopedRoutes' ? compilers.scopedRoutes(specifier.value, filters, at.field('scoped_routes')) : null;
}

export function compileHttpConnectionManager(message: HttpConnectionManager, at: CompileContext, compilers: HcmCompilers): HcmSettings {
  const httpFilters = compileHttpFilters(message.httpFilters, (i) => at.field('http_filters', i), compilers);
  const common = message.commonHttpProtocolOptions;
  const specifier = message.routeSpecifier;
  const accessLogOptions = message.accessLogOptions;
  const requestId = compileRequestIdExtension(message, at);
  const streamError = message.streamErrorOnInvalidHttpMessage ?? false;

  if (message.httpFilters.length === 0)
    at.warn('http_filters is empty: nothing answers requests; the last filter is usually envoy.filters.http.router');
  if (specifier.case === undefined) at.error('one of route_config, rds and scoped_routes must be set');
  if (specifier.case === 'rds') compilers.rds(specifier.value, message.statPrefix, at.field('rds'));

  const upgrades: Record<string, boolean> = {};
  const upgradeFilters: Record<string, HttpFilterSettings[]> = {};
  message.upgradeConfigs.forEach((upgrade, i) => {
    const here = at.field('upgrade_configs', i);
    const type = upgrade.upgradeType.toLowerCase();
    if (type in upgrades) here.field('upgrade_type').error(`Error: multiple upgrade configs with the same name: '${type}'`);
    upgrades[type] = upgrade.enabled ?? true;
    if (upgrade.filters.length > 0) upgradeFilters[type] = compileHttpFilters(upgrade.filters, (j) => here.field('filters', j), compilers);
  });

  return {
    statPrefix: message.statPrefix,
    codecType: message.codecType === CodecType.HTTP1 ? 'HTTP1' : message.codecType === CodecType.HTTP2 ? 'HTTP2' : 'AUTO',
    routeConfig: compileRoutes(message, at, compilers),
    rdsRouteConfigName: specifier.case === 'rds' ? specifier.value.routeConfigName : '',
    httpFilters,
    http1: compileHttp1Options(
      message.httpProtocolOptions,
      {
        maxHeadersKb: message.maxRequestHeadersKb ?? 60,
        maxHeadersCount: common?.maxHeadersCount ?? 100,
        headersWithUnderscores: underscores(common?.headersWithUnderscoresAction),
        streamErrorOnInvalid: message.httpProtocolOptions?.overrideStreamErrorOnInvalidHttpMessage ?? streamError,
        strict: compilers.strictHttp1,
      },
      at.field('http_protocol_options'),
    ),
    http2: compileHttp2Options(
      message.http2ProtocolOptions,
      {
        maxHeadersKb: message.maxRequestHeadersKb ?? 60,
        maxHeadersCount: common?.maxHeadersCount ?? 100,
        headersWithUnderscores: underscores(common?.headersWithUnderscoresAction),
        streamErrorOnInvalid: streamError,
      },
      at.field('http2_protocol_options'),
    ),
    serverName: message.serverName === '' ? 'envoy' : message.serverName,
    serverHeaderTransformation: SERVER_HEADER[message.serverHeaderTransformation] ?? 'OVERWRITE',
    addUserAgent: message.addUserAgent ?? false,
    useRemoteAddress: message.useRemoteAddress ?? false,
    xffNumTrustedHops: message.xffNumTrustedHops,
    skipXffAppend: message.skipXffAppend,
    appendXForwardedPort: message.appendXForwardedPort,
    internalCidrs: compileCidrs(message.internalAddressConfig?.cidrRanges ?? [], at.field('internal_address_config')),
    internalUnixSockets: message.internalAddressConfig?.unixSockets ?? false,
    originalIpDetection: compileIpDetection(message, at),
    via: message.via,
    generateRequestId: message.generateRequestId ?? true,
    preserveExternalRequestId: message.preserveExternalRequestId,
    alwaysSetRequestIdInResponse: message.alwaysSetRequestIdInResponse,
    packTraceReason: requestId?.packTraceReason ?? true,
    tracing:
      message.tracing === undefined
        ? null
        : compileTracing(message.tracing, requestId?.useRequestIdForTraceSampling ?? true, at.field('tracing'), compilers),
    normalizePath: message.normalizePath ?? false,
    normalizePathUnset: message.normalizePath === undefined,
    mergeSlashes: message.mergeSlashes,
    escapedSlashes: ESCAPED_SLASHES[message.pathWithEscapedSlashesAction] ?? 'KEEP_UNCHANGED',
    stripMatchingHostPort: message.stripMatchingHostPort,
    stripAnyHostPort: message.stripPortMode.case === 'stripAnyHostPort' && message.stripPortMode.value,
    stripTrailingHostDot: message.stripTrailingHostDot,
    idleTimeoutMs: durationMs(common?.idleTimeout) ?? 3_600_000,
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration) ?? 0,
    maxStreamDurationMs: durationMs(common?.maxStreamDuration) ?? 0,
    requestTimeoutMs: durationMs(message.requestTimeout) ?? 0,
    requestHeadersTimeoutMs: durationMs(message.requestHeadersTimeout) ?? 0,
    streamIdleTimeoutMs: durationMs(message.streamIdleTimeout) ?? 300_000,
    drainTimeoutMs: durationMs(message.drainTimeout) ?? 5_000,
    delayedCloseTimeoutMs: durationMs(message.delayedCloseTimeout) ?? 1_000,
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    proxy100Continue: message.proxy100Continue,
    appendLocalOverload: message.appendLocalOverload,
    schemeToOverwrite:
      message.schemeHeaderTransformation?.transformation.case === 'schemeToOverwrite'
        ? message.schemeHeaderTransformation.transformation.value
        : '',
    representIpv4AsMapped: message.representIpv4RemoteAddressAsIpv4MappedIpv6,
    clientCertDetails: {
      subject: message.setCurrentClientCertDetails?.subject ?? false,
      cert: message.setCurrentClientCertDetails?.cert ?? false,
      chain: message.setCurrentClientCertDetails?.chain ?? false,
      dns: message.setCurrentClientCertDetails?.dns ?? false,
      uri: message.setCurrentClientCertDetails?.uri ?? false,
    },
    forwardClientCert: FORWARD_CLIENT_CERT[message.forwardClientCertDetails] ?? 'SANITIZE',
    upgrades,
    upgradeFilters,
    accessLogs: message.accessLog
      .map((log, i) => compileAccessLog(log, compilers, at.field('access_log', i)))
      .filter((log) => log !== null),
    accessLogOnNewRequest: accessLogOptions?.flushAccessLogOnNewRequest ?? message.flushAccessLogOnNewRequest,
    accessLogFlushIntervalMs: durationMs(accessLogOptions?.accessLogFlushInterval ?? message.accessLogFlushInterval) ?? 0,
    accessLogOnTunnel: accessLogOptions?.flushLogOnTunnelSuccessfullyEstablished ?? false,
    localReply: message.localReplyConfig === undefined ? null : compileLocalReply(message.localReplyConfig, at.field('local_reply_config')),
    proxyStatus: message.proxyStatusConfig === undefined ? null : compileProxyStatus(message.proxyStatusConfig, message.serverName),
    earlyHeaderMutations: compileEarlyMutations(message, at),
  };
}

/** @param at where the filter of that number stands */
function compileHttpFilters(
  filters: readonly HttpFilter[],
  at: (i: number) => CompileContext,
  compilers: HcmCompilers,
): HttpFilterSettings[] {
  const compiled: HttpFilterSettings[] = [];
  filters.forEach((filter, i) => {
    const here = at(i);
    if (filter.configType.case !== 'typedConfig') {
      if (filter.configType.case === 'configDiscovery') here.unsupported('config_discovery');
      else here.error(`filter "${filter.name}" has no typed_config`);
      return;
    }
    const any = filter.configType.value;
    const result = compilers.httpFilter(any, here.field('typed_config'));
    const last = i === filters.length - 1;
    if (result === null) {
      if (last && here.options.allowUnsupported) here.error('the last filter cannot be left out: nothing else answers requests');
      return;
    }
    if (result.terminal && !last) {
      here.error(`Error: terminal filter named ${filter.name} of type ${filter.name} must be the last filter in a http filter chain.`);
    } else if (!result.terminal && last) {
      here.error(`Error: non-terminal filter named ${filter.name} of type ${filter.name} is the last filter in a http filter chain.`);
    }
    if (result.terminal && filter.disabled) here.field('disabled').error('a terminal filter cannot be disabled');
    compiled.push({ name: filter.name, type: anyTypeName(any), settings: result.settings, disabled: filter.disabled });
  });
  return compiled;
}

function compileCidrs(ranges: readonly { addressPrefix: string; prefixLen?: number | undefined }[], at: CompileContext): string[] {
  return ranges.map((range, i) => {
    const text = range.addressPrefix + '/' + (range.prefixLen ?? 0);
    if (parseCidr(text) === null) at.field('cidr_ranges', i).error(`malformed IP address: ${range.addressPrefix}`);
    return text;
  });
}

function compileIpDetection(message: HttpConnectionManager, at: CompileContext): OriginalIpDetectionSettings | null {
  const extensions = message.originalIpDetectionExtensions;
  if (extensions.length === 0) return null;
  if ((message.useRemoteAddress ?? false) || message.xffNumTrustedHops > 0) {
    at.field('original_ip_detection_extensions').error(
      'original_ip_detection_extensions cannot be combined with use_remote_address or xff_num_trusted_hops',
    );
  }
  if (extensions.length > 1)
    at.unsupported('original_ip_detection_extensions', 'more than one original IP detection extension is not supported by Outrider yet');
  const here = at.field('original_ip_detection_extensions', 0).field('typed_config');
  const config = here.unpack(extensions[0]!.typedConfig);
  if (config?.$typeName === XFF_TYPE) {
    const xff = config as XffConfig;
    return {
      kind: 'xff',
      xffNumTrustedHops: xff.xffNumTrustedHops,
      trustedCidrs: compileCidrs(xff.xffTrustedCidrs?.cidrs ?? [], here.field('xff_trusted_cidrs')),
      skipXffAppend: xff.skipXffAppend ?? true,
    };
  }
  if (config?.$typeName === CUSTOM_HEADER_TYPE) {
    const custom = config as CustomHeaderConfig;
    const code = custom.rejectWithStatus?.code ?? 403;
    return {
      kind: 'custom_header',
      headerName: custom.headerName.toLowerCase(),
      allowUntrusted: custom.allowExtensionToSetAddressAsTrusted,
      rejects: custom.rejectWithStatus !== undefined,
      rejectStatus: code >= 400 && code < 600 ? code : 403,
    };
  }
  if (config !== null) here.error(`unknown original IP detection extension ${config.$typeName}`);
  return null;
}

/** @param serverName of the connection manager; '' = envoy */
function compileProxyStatus(message: ProxyStatusConfig, serverName: string): ProxyStatusSettings {
  const name = message.proxyName;
  const ofServer = serverName === '' ? 'envoy' : serverName;
  return {
    name: name.case === 'literalProxyName' ? name.value : name.case === 'useNodeId' && name.value ? null : ofServer,
    details: !message.removeDetails,
    terminationDetails: !message.removeConnectionTerminationDetails,
    flags: !message.removeResponseFlags,
    recommendedStatus: message.setRecommendedResponseCode,
  };
}

function compileEarlyMutations(message: HttpConnectionManager, at: CompileContext): HeaderStepSettings[] {
  return message.earlyHeaderMutationExtensions.flatMap((extension, i) => {
    const here = at.field('early_header_mutation_extensions', i).field('typed_config');
    const config = here.unpackAs<EarlyHeaderMutation>(extension.typedConfig, EARLY_MUTATION_TYPE);
    return config === null ? [] : compileHeaderSteps(config.mutations, here, 'mutations');
  });
}

/** null: the defaults. */
function compileRequestIdExtension(message: HttpConnectionManager, at: CompileContext): UuidRequestIdConfig | null {
  const any = message.requestIdExtension?.typedConfig;
  if (any === undefined) return null;
  return at.field('request_id_extension').field('typed_config').unpackAs<UuidRequestIdConfig>(any, UUID_TYPE);
}

function compileLocalReply(message: LocalReplyConfig, at: CompileContext): LocalReplySettings {
  return {
    mappers: message.mappers.map((mapper, i) => {
      const here = at.field('mappers', i);
      return {
        filter: mapper.filter === undefined ? null : compileAccessLogFilter(mapper.filter, here.field('filter')),
        status: mapper.statusCode ?? 0,
        body: mapper.body === undefined ? null : compileDataSource(mapper.body, here.field('body')),
        bodyFormat:
          mapper.bodyFormatOverride === undefined ? null : compileLogFormat(mapper.bodyFormatOverride, here.field('body_format_override')),
        headers: { add: compileHeaderAdds(mapper.headersToAdd, here, 'headers_to_add'), remove: [] },
      };
    }),
    bodyFormat: message.bodyFormat === undefined ? null : compileLogFormat(message.bodyFormat, at.field('body_format')),
  };
}

function underscores(action: Underscores | undefined): 'allow' | 'reject' | 'drop' {
  return action === Underscores.REJECT_REQUEST ? 'reject' : action === Underscores.DROP_HEADER ? 'drop' : 'allow';
}

const SERVER_HEADER: Readonly<Record<number, HcmSettings['serverHeaderTransformation']>> = {
  [ServerHeader.OVERWRITE]: 'OVERWRITE',
  [ServerHeader.APPEND_IF_ABSENT]: 'APPEND_IF_ABSENT',
  [ServerHeader.PASS_THROUGH]: 'PASS_THROUGH',
};

const ESCAPED_SLASHES: Readonly<Record<number, HcmSettings['escapedSlashes']>> = {
  [EscapedSlashes.IMPLEMENTATION_SPECIFIC_DEFAULT]: 'KEEP_UNCHANGED',
  [EscapedSlashes.KEEP_UNCHANGED]: 'KEEP_UNCHANGED',
  [EscapedSlashes.REJECT_REQUEST]: 'REJECT_REQUEST',
  [EscapedSlashes.UNESCAPE_AND_REDIRECT]: 'UNESCAPE_AND_REDIRECT',
  [EscapedSlashes.UNESCAPE_AND_FORWARD]: 'UNESCAPE_AND_FORWARD',
};

const FORWARD_CLIENT_CERT: Readonly<Record<number, HcmSettings['forwardClientCert']>> = {
  [ForwardClientCert.SANITIZE]: 'SANITIZE',
  [ForwardClientCert.FORWARD_ONLY]: 'FORWARD_ONLY',
  [ForwardClientCert.APPEND_FORWARD]: 'APPEND_FORWARD',
  [ForwardClientCert.SANITIZE_SET]: 'SANITIZE_SET',
  [ForwardClientCert.ALWAYS_FORWARD_ONLY]: 'ALWAYS_FORWARD_ONLY',
};

function compileAccessLog(message: AccessLog, compilers: HcmCompilers, at: CompileContext): AccessLogSettings | null {
  const settings = compilers.accessLog(message, at);
  if (settings === null) return null;
  const { format } = settings;
  const given = format.kind === 'text' && format.text === DEFAULT_TEXT_FORMAT ? '' : JSON.stringify(format);
  if (given !== '' && !given.includes('%RESPONSE_CODE_DETAILS') && !given.includes('%UPSTREAM_TRANSPORT_FAILURE_REASON')) {
    at.warn('the log will not say why a request failed; %RESPONSE_CODE_DETAILS% and %UPSTREAM_TRANSPORT_FAILURE_REASON% do');
  }
  return settings;
}
