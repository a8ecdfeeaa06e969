/** How connections to a cluster's hosts are used. Source: HttpProtocolOptions in typed_extension_protocol_options, or the deprecated cluster fields. */
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import type { Cluster } from '../../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  type HttpProtocolOptions as CommonOptions,
  type Http1ProtocolOptions,
  type Http2ProtocolOptions,
  HttpProtocolOptions_HeadersWithUnderscoresAction as UnderscoresAction,
  type UpstreamHttpProtocolOptions,
} from '../../config/gen/envoy/config/core/v3/protocol_pb.js';
import type { HttpProtocolOptions } from '../../config/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { TcpProtocolOptions } from '../../config/gen/envoy/extensions/upstreams/tcp/v3/tcp_protocol_options_pb.js';
import { durationMs } from '../../http/config.ts';
import { compileHttp1Options } from '../../http/h1/config.ts';
import { DEFAULT_HTTP1_CLIENT_SETTINGS } from '../../http/h1/settings.ts';
import { compileHttp2Options } from '../../http/h2/config.ts';
import { compileErrorMatch } from '../../resilience/outlier/config.ts';
import type { ErrorMatchSettings } from '../../resilience/outlier/error-matcher.ts';
import { DEFAULT_CLUSTER, DEFAULT_UPSTREAM_HTTP, type RequestNamesSettings, type UpstreamHttpSettings } from '../settings.ts';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const TCP_OPTIONS = 'envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions';

export interface ProtocolSettings {
  readonly http: UpstreamHttpSettings;
  readonly tcpIdleTimeoutMs: number;
  readonly outlierErrors: ErrorMatchSettings | null;
}

export function compileProtocolOptions(message: Cluster, at: CompileContext): ProtocolSettings {
  let http: UpstreamHttpSettings | null = null;
  let outlierErrors: ErrorMatchSettings | null = null;
  let tcpIdleTimeoutMs = DEFAULT_CLUSTER.tcpIdleTimeoutMs;
  for (const [name, any] of Object.entries(message.typedExtensionProtocolOptions)) {
    const here = at.key('typed_extension_protocol_options', name);
    if (anyTypeName(any) === TCP_OPTIONS) {
      const tcp = here.unpackAs<TcpProtocolOptions>(any, TCP_OPTIONS);
      tcpIdleTimeoutMs = durationMs(tcp?.idleTimeout) ?? tcpIdleTimeoutMs;
    } else if (anyTypeName(any) === HTTP_OPTIONS) {
      const options = here.unpackAs<HttpProtocolOptions>(any, HTTP_OPTIONS);
      if (options !== null) http = compileTyped(options, here);
      const errors = options?.outlierDetection?.errorMatcher;
      if (errors !== undefined) outlierErrors = compileErrorMatch(errors, here.field('outlier_detection').field('error_matcher'));
    } else here.error(`unknown protocol options ${anyTypeName(any)}`);
  }
  // The deprecated fields count only when the typed options are absent.
  http ??= compileCommon(message.commonHttpProtocolOptions, {
    http1: message.httpProtocolOptions,
    http1At: at.field('http_protocol_options'),
    http2: message.http2ProtocolOptions,
    http2At: at.field('http2_protocol_options'),
    speaks: message.http2ProtocolOptions === undefined ? 'http1' : 'http2',
    names: message.upstreamHttpProtocolOptions,
  });
  const perConnection = message.maxRequestsPerConnection;
  if (perConnection !== undefined && http.maxRequestsPerConnection === 0) http = { ...http, maxRequestsPerConnection: perConnection };
  return { http, tcpIdleTimeoutMs, outlierErrors };
}

/** upstream_http_protocol_options; of the deprecated place, Envoy's forward proxies take both for granted. */
export function upstreamNameOptions(
  message: Cluster,
  at: CompileContext,
): { readonly autoSni: boolean; readonly autoSanValidation: boolean } {
  const typed = Object.entries(message.typedExtensionProtocolOptions).find(([, any]) => anyTypeName(any) === HTTP_OPTIONS);
  if (typed === undefined) return message.upstreamHttpProtocolOptions ?? { autoSni: true, autoSanValidation: true };
  const options = at.key('typed_extension_protocol_options', typed[0]).unpackAs<HttpProtocolOptions>(typed[1], HTTP_OPTIONS);
  return options?.upstreamHttpProtocolOptions ?? { autoSni: false, autoSanValidation: false };
}

/** Which protocols there are, and where they are configured. */
interface Protocols {
  readonly http1: Http1ProtocolOptions | undefined;
  readonly http1At: CompileContext;
  readonly http2: Http2ProtocolOptions | undefined;
  readonly http2At: CompileContext;
  readonly speaks: 'http1' | 'http2' | 'downstream' | 'either';
  readonly names: UpstreamHttpProtocolOptions | undefined;
}

function compileTyped(options: HttpProtocolOptions, at: CompileContext): UpstreamHttpSettings {
  const chosen = options.upstreamProtocolOptions;
  let protocols: Protocols = {
    http1: undefined,
    http1At: at,
    http2: undefined,
    http2At: at,
    speaks: 'http1',
    names: options.upstreamHttpProtocolOptions,
  };
  if (chosen.case === 'explicitHttpConfig') {
    const protocol = chosen.value.protocolConfig;
    const here = at.field('explicit_http_config');
    if (protocol.case === 'httpProtocolOptions') {
      protocols = { ...protocols, http1: protocol.value, http1At: here.field('http_protocol_options') };
    } else if (protocol.case === 'http2ProtocolOptions') {
      protocols = { ...protocols, http2: protocol.value, http2At: here.field('http2_protocol_options'), speaks: 'http2' };
    } else if (protocol.case === 'http3ProtocolOptions') here.unsupported('http3_protocol_options');
  } else if (chosen.case === 'useDownstreamProtocolConfig') {
    const here = at.field('use_downstream_protocol_config');
    protocols = {
      http1: chosen.value.httpProtocolOptions,
      http1At: here.field('http_protocol_options'),
      http2: chosen.value.http2ProtocolOptions,
      http2At: here.field('http2_protocol_options'),
      speaks: 'downstream',
      names: options.upstreamHttpProtocolOptions,
    };
  } else if (chosen.case === 'autoConfig') {
    const here = at.field('auto_config');
    protocols = {
      http1: chosen.value.httpProtocolOptions,
      http1At: here.field('http_protocol_options'),
      http2: chosen.value.http2ProtocolOptions,
      http2At: here.field('http2_protocol_options'),
      speaks: 'either',
      names: options.upstreamHttpProtocolOptions,
    };
  } else at.error('one of explicit_http_config, use_downstream_protocol_config and auto_config is required');
  return compileCommon(options.commonHttpProtocolOptions, protocols);
}

function compileCommon(common: CommonOptions | undefined, protocols: Protocols): UpstreamHttpSettings {
  const limits = {
    maxHeadersCount: common?.maxHeadersCount ?? DEFAULT_HTTP1_CLIENT_SETTINGS.maxHeadersCount,
    maxHeadersKb: common?.maxResponseHeadersKb ?? DEFAULT_HTTP1_CLIENT_SETTINGS.maxHeadersKb,
    headersWithUnderscores: underscores(common?.headersWithUnderscoresAction),
  };
  return {
    idleTimeoutMs: durationMs(common?.idleTimeout) ?? DEFAULT_UPSTREAM_HTTP.idleTimeoutMs,
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration) ?? 0,
    maxStreamDurationMs: durationMs(common?.maxStreamDuration) ?? 0,
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    http1: compileHttp1Options(protocols.http1, limits, protocols.http1At),
    http2: protocols.speaks === 'http1' ? null : compileHttp2Options(protocols.http2, limits, protocols.http2At),
    asDownstream: protocols.speaks === 'downstream',
    auto: protocols.speaks === 'either',
    requestNames: compileNames(protocols.names),
  };
}

function compileNames(message: UpstreamHttpProtocolOptions | undefined): RequestNamesSettings | null {
  if (message === undefined || !(message.autoSni || message.autoSanValidation)) return null;
  const { autoSni, autoSanValidation, overrideAutoSniHeader } = message;
  return { autoSni, autoSanValidation, header: overrideAutoSniHeader.toLowerCase() };
}

function underscores(action: UnderscoresAction | undefined): 'allow' | 'reject' | 'drop' {
  if (action === UnderscoresAction.REJECT_REQUEST) return 'reject';
  return action === UnderscoresAction.DROP_HEADER ? 'drop' : 'allow';
}
