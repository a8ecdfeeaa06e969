/** Settings of a connection manager as compiled. Source: envoy.extensions.filters.network.http_connection_manager.v3. */

import type { AccessLogSettings } from '../../../access-log/settings.ts';
import type { Http1Settings } from '../../../http/h1/settings.ts';
import type { Http2Settings } from '../../../http/h2/settings.ts';
import type { HeaderStepSettings } from '../../../route/headers/header-steps.ts';
import type { ScopedRoutesSettings } from '../../../route/scoped/scoped-routes.ts';
import type { RouteTableSettings } from '../../../route/settings.ts';
import type { TracingSettings } from '../../../tracing/settings.ts';
import type { ClientCertDetails, ForwardClientCert } from './client-certificate.ts';
import type { LocalReplySettings } from './local-reply.ts';
import type { ProxyStatusSettings } from './proxy-status.ts';

export interface HttpFilterSettings {
  /** As configured in the list; per-route configuration is looked up by it. */
  readonly name: string;
  /** Full protobuf name of its configuration message; names the implementation. */
  readonly type: string;
  readonly settings: unknown;
  readonly disabled: boolean;
}

export interface HcmSettings {
  readonly statPrefix: string;
  readonly codecType: 'AUTO' | 'HTTP1' | 'HTTP2';
  /** Exactly one of `routeConfig` and `rdsRouteConfigName` is set. */
  readonly routeConfig: RouteTableSettings | ScopedRoutesSettings | null;
  readonly rdsRouteConfigName: string;
  readonly httpFilters: readonly HttpFilterSettings[];
  readonly http1: Http1Settings;
  readonly http2: Http2Settings;
  readonly serverName: string;
  readonly serverHeaderTransformation: 'OVERWRITE' | 'APPEND_IF_ABSENT' | 'PASS_THROUGH';
  readonly addUserAgent: boolean;
  readonly useRemoteAddress: boolean;
  readonly xffNumTrustedHops: number;
  readonly skipXffAppend: boolean;
  readonly appendXForwardedPort: boolean;
  readonly internalCidrs: readonly string[];
  readonly internalUnixSockets: boolean;
  readonly originalIpDetection: OriginalIpDetectionSettings | null;
  readonly via: string;
  readonly generateRequestId: boolean;
  readonly preserveExternalRequestId: boolean;
  readonly alwaysSetRequestIdInResponse: boolean;
  /** uuid extension's pack_trace_reason. */
  readonly packTraceReason: boolean;
  /** null = nothing is traced. */
  readonly tracing: TracingSettings | null;
  readonly normalizePath: boolean;
  /** The configuration does not say: the runtime key http_connection_manager.normalize_path does. */
  readonly normalizePathUnset: boolean;
  readonly mergeSlashes: boolean;
  readonly escapedSlashes: 'KEEP_UNCHANGED' | 'REJECT_REQUEST' | 'UNESCAPE_AND_REDIRECT' | 'UNESCAPE_AND_FORWARD';
  readonly stripMatchingHostPort: boolean;
  readonly stripAnyHostPort: boolean;
  readonly stripTrailingHostDot: boolean;
  /** Milliseconds; 0 = off, for all of these. */
  readonly idleTimeoutMs: number;
  readonly maxConnectionDurationMs: number;
  readonly maxStreamDurationMs: number;
  readonly requestTimeoutMs: number;
  readonly requestHeadersTimeoutMs: number;
  readonly streamIdleTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly delayedCloseTimeoutMs: number;
  /** 0 = unlimited. */
  readonly maxRequestsPerConnection: number;
  readonly proxy100Continue: boolean;
  /** Answers of the overload manager say so in x-envoy-local-overloaded. */
  readonly appendLocalOverload: boolean;
  /** '' = leave. */
  readonly schemeToOverwrite: string;
  readonly representIpv4AsMapped: boolean;
  readonly forwardClientCert: ForwardClientCert;
  readonly clientCertDetails: ClientCertDetails;
  /** Lower-case upgrade type ("connect" for CONNECT) → enabled. */
  readonly upgrades: Readonly<Record<string, boolean>>;
  /** Lower-case upgrade type → the filters of such streams, where they are not `httpFilters`. */
  readonly upgradeFilters: Readonly<Record<string, readonly HttpFilterSettings[]>>;
  readonly accessLogs: readonly AccessLogSettings[];
  readonly accessLogOnNewRequest: boolean;
  readonly accessLogFlushIntervalMs: number;
  readonly accessLogOnTunnel: boolean;
  readonly localReply: LocalReplySettings | null;
  /** null = no Proxy-Status header. */
  readonly proxyStatus: ProxyStatusSettings | null;
  /** Applied to requests before anything else. Source: envoy.extensions.http.early_header_mutation.header_mutation.v3. */
  readonly earlyHeaderMutations: readonly HeaderStepSettings[];
}

export type OriginalIpDetectionSettings =
  | { readonly kind: 'xff'; readonly xffNumTrustedHops: number; readonly trustedCidrs: readonly string[]; readonly skipXffAppend: boolean }
  | {
      readonly kind: 'custom_header';
      readonly headerName: string;
      readonly allowUntrusted: boolean;
      readonly rejectStatus: number;
      readonly rejects: boolean;
    };
