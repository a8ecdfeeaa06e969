/** What active health checking is told: plain data, made from envoy.config.core.v3.HealthCheck on the control side. Times in ms. */
import type { StringMatcherSettings } from '../../http/string-matcher.ts';

export interface CheckHeaderSettings {
  /** Lower case. */
  readonly name: string;
  /** Text with %OPERATORS%. */
  readonly value: string;
  readonly action: 'APPEND' | 'ADD_IF_ABSENT' | 'OVERWRITE' | 'OVERWRITE_IF_EXISTS';
  readonly keepEmpty: boolean;
}

/** Statuses in [start, end). */
export interface StatusRange {
  readonly start: number;
  readonly end: number;
}

export interface HttpCheckSettings {
  readonly kind: 'HTTP';
  readonly http2: boolean;
  readonly method: string;
  /** '' = the cluster's name. */
  readonly host: string;
  readonly path: string;
  readonly addHeaders: readonly CheckHeaderSettings[];
  /** Lower case. */
  readonly removeHeaders: readonly string[];
  /** Request body in hex; ''. */
  readonly send: string;
  /** Blocks in hex that the response body must hold in this order. */
  readonly receive: readonly string[];
  /** So much of the body is looked at; 0 = all. */
  readonly responseBufferSize: number;
  readonly expected: readonly StatusRange[];
  readonly retriable: readonly StatusRange[];
  /** What x-envoy-upstream-healthchecked-cluster has to say. */
  readonly serviceName: StringMatcherSettings | null;
}

export interface TcpCheckSettings {
  readonly kind: 'TCP';
  readonly send: string;
  readonly receive: readonly string[];
}

export interface GrpcCheckSettings {
  readonly kind: 'GRPC';
  /** '' = the server as a whole. */
  readonly service: string;
  /** '' = the cluster's name. */
  readonly authority: string;
  readonly addHeaders: readonly CheckHeaderSettings[];
}

export interface RedisCheckSettings {
  readonly kind: 'REDIS';
  /** '' = PING. */
  readonly key: string;
}

export type CheckSettings = HttpCheckSettings | TcpCheckSettings | GrpcCheckSettings | RedisCheckSettings;

export interface HealthCheckSettings {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly initialJitterMs: number;
  readonly intervalJitterMs: number;
  readonly intervalJitterPercent: number;
  /** Until the cluster has had a connection of its own. */
  readonly noTrafficIntervalMs: number;
  readonly noTrafficHealthyIntervalMs: number;
  readonly unhealthyIntervalMs: number;
  readonly unhealthyEdgeIntervalMs: number;
  readonly healthyEdgeIntervalMs: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly reuseConnection: boolean;
  readonly logFailures: boolean;
  readonly logSuccesses: boolean;
  readonly eventLogs: readonly string[];
  /** Offered in handshakes instead of what the transport socket names; empty = not so. Source: tls_options.alpn_protocols. */
  readonly alpn: readonly string[];
  /** Picks the transport socket instead of the endpoint's metadata; null. Source: transport_socket_match_criteria. */
  readonly transportSocketCriteria: Readonly<Record<string, unknown>> | null;
  readonly check: CheckSettings;
}

/** Source: Endpoint.HealthCheckConfig. */
export interface EndpointCheckSettings {
  readonly disabled: boolean;
  /** 0 = the endpoint's. */
  readonly port: number;
  /** IP address or UNIX path; '' = the endpoint's. */
  readonly ip: string;
  readonly path: string;
  /** Host header; '' = what the check says. */
  readonly hostname: string;
}
