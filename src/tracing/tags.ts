/** The tags of Envoy's spans, in its order. Source: HttpTracerUtility::finalizeDownstreamSpan and finalizeUpstreamSpan. */

import type { CustomTag } from '../http/custom-tags.ts';
import { isGrpcRequest } from '../http/grpc-status.ts';
import type { HeaderMap, RequestHeaders } from '../http/header-map.ts';
import { shortFlags } from '../http/response-flags.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Span } from './span.ts';

/** UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, DATA_LOSS: what is the server's fault. */
const GRPC_ERRORS: ReadonlySet<string> = new Set(['2', '4', '8', '12', '13', '14', '15']);

export interface TagOptions {
  readonly maxPathTagLength: number;
  readonly verbose: boolean;
}

export function tagDownstream(span: Span, info: StreamInfo, options: TagOptions, custom: readonly CustomTag[]): void {
  const headers = info.requestHeaders;
  if (headers !== null) tagRequest(span, headers, info, options);
  span.setTag('request_size', String(info.bytesReceived));
  span.setTag('response_size', String(info.bytesSent));
  tagCommon(span, info, options, custom);
  if (info.responseHeaders !== null) tagGrpcResponse(span, info.responseHeaders);
  if (info.responseTrailers !== null) tagGrpcResponse(span, info.responseTrailers);
}

function tagRequest(span: Span, headers: RequestHeaders, info: StreamInfo, options: TagOptions): void {
  const id = headers.get('x-request-id');
  if (id !== undefined) span.setTag('guid:x-request-id', id);
  const path = headers.get('x-envoy-original-path') ?? headers.path;
  const scheme = headers.get('x-forwarded-proto') ?? headers.scheme;
  span.setTag('http.url', scheme + '://' + headers.authority + path.slice(0, options.maxPathTagLength));
  span.setTag('http.method', headers.method);
  span.setTag('downstream_cluster', headers.get('x-envoy-downstream-service-cluster') || '-');
  span.setTag('user_agent', headers.get('user-agent') || '-');
  span.setTag('http.protocol', info.protocol || '-');
  const peer = info.connection.directRemoteAddress;
  span.setTag('peer.address', peer.kind === 'ip' ? peer.ip : peer.path);
  const clientTraceId = headers.get('x-client-trace-id');
  if (clientTraceId !== undefined) span.setTag('guid:x-client-trace-id', clientTraceId);
  if (!isGrpcRequest(headers)) return;
  span.setTag('grpc.path', headers.path);
  span.setTag('grpc.authority', headers.authority);
  span.setTag('grpc.content_type', headers.get('content-type') ?? '');
  const timeout = headers.get('grpc-timeout');
  if (timeout !== undefined) span.setTag('grpc.timeout', timeout);
}

export interface UpstreamFacts {
  readonly protocol: string;
  /** '' = no host was asked. */
  readonly address: string;
  /** 0 = no answer. */
  readonly status: number;
  /** Bits of Flag. */
  readonly flags: number;
  /** The response had no body, and came then; -1. */
  readonly lastRxMs: number;
}

/** @param info of the whole request: it names the cluster, and knows the moments of its last try */
export function tagUpstream(span: Span, facts: UpstreamFacts, info: StreamInfo, verbose: boolean, custom: readonly CustomTag[]): void {
  if (verbose) {
    addUpstreamTimings(span, info);
    if (info.lastUpstreamRxMs < 0) addTiming(span, info, 'last_upstream_rx_byte_received', facts.lastRxMs);
  }
  span.setTag('http.protocol', facts.protocol || '-');
  if (facts.address !== '') {
    span.setTag('upstream_address', facts.address);
    span.setTag('peer.address', facts.address);
  }
  tagOutcome(span, info, facts.status, shortFlags(facts.flags, 0), custom);
}

function tagCommon(span: Span, info: StreamInfo, options: TagOptions, custom: readonly CustomTag[]): void {
  if (options.verbose) addTimings(span, info);
  tagOutcome(span, info, info.responseCode, shortFlags(info.flags, info.flagOrder), custom);
}

function tagOutcome(span: Span, info: StreamInfo, status: number, flags: string, custom: readonly CustomTag[]): void {
  span.setTag('component', 'proxy');
  if (info.upstreamCluster !== '') {
    span.setTag('upstream_cluster', info.upstreamCluster);
    span.setTag('upstream_cluster.name', info.upstreamClusterObservabilityName);
  }
  span.setTag('http.status_code', String(status));
  span.setTag('response_flags', flags || '-');
  for (let i = 0; i < custom.length; i++) {
    const value = custom[i]!.value(info);
    if (value !== '') span.setTag(custom[i]!.name, value);
  }
  if (status === 0 || (status >= 500 && status < 600)) span.setTag('error', 'true');
}

/** @param fields headers or trailers of a response */
export function tagGrpcResponse(span: Span, fields: HeaderMap): void {
  const status = fields.get('grpc-status');
  if (status !== undefined) span.setTag('grpc.status_code', status);
  const message = fields.get('grpc-message');
  if (message !== undefined) span.setTag('grpc.message', message);
  if (status !== undefined && GRPC_ERRORS.has(status)) span.setTag('error', 'true');
}

function addTimings(span: Span, info: StreamInfo): void {
  addTiming(span, info, 'last_downstream_rx_byte_received', info.lastDownstreamRxMs);
  addUpstreamTimings(span, info);
  addTiming(span, info, 'first_downstream_tx_byte_sent', info.firstDownstreamTxMs);
  addTiming(span, info, 'last_downstream_tx_byte_sent', info.lastDownstreamTxMs);
}

function addUpstreamTimings(span: Span, info: StreamInfo): void {
  addTiming(span, info, 'first_upstream_tx_byte_sent', info.firstUpstreamTxMs);
  addTiming(span, info, 'last_upstream_tx_byte_sent', info.lastUpstreamTxMs);
  addTiming(span, info, 'first_upstream_rx_byte_received', info.firstUpstreamRxMs);
  addTiming(span, info, 'last_upstream_rx_byte_received', info.lastUpstreamRxMs);
}

/** @param ms Clock.nowMs(); -1 = it has not come to that */
function addTiming(span: Span, info: StreamInfo, name: string, ms: number): void {
  if (ms >= 0) span.addEvent(name, info.startWallMs + (ms - info.startMs));
}
