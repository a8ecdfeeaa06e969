/** Counters of the HTTP/2 codecs. Source: Envoy's `http2.` scope, http2/codec_stats.h. */
import type { Clock } from '../../runtime/clock.ts';
import type { Counter, Gauge, StatsScope } from '../../stats/scope.ts';
import { OutboundMeter } from './outbound-meter.ts';

/** Which library Envoy parses with, and what only METADATA frames move: always 0, but dashboards look for them. */
const ALWAYS_ZERO: readonly string[] = [
  ...['metadata_empty_frames', 'headers_cb_no_stream', 'cookies_total_bytes_too_large'],
  ...['nghttp2_downstream_connections', 'nghttp2_upstream_connections', 'oghttp2_downstream_connections', 'oghttp2_upstream_connections'],
];

export class Http2Stats {
  readonly droppedHeadersWithUnderscores: Counter;
  readonly goAwaySent: Counter;
  readonly headerListSizeTooLarge: Counter;
  readonly headerOverflow: Counter;
  readonly inboundEmptyFramesFlood: Counter;
  readonly inboundPriorityFramesFlood: Counter;
  readonly inboundWindowUpdateFramesFlood: Counter;
  readonly keepaliveTimeout: Counter;
  readonly outboundControlFlood: Counter;
  readonly outboundFlood: Counter;
  readonly requestsRejectedWithUnderscores: Counter;
  readonly rxMessagingError: Counter;
  readonly rxReset: Counter;
  readonly streamRefusedErrors: Counter;
  readonly trailers: Counter;
  readonly txFlushTimeout: Counter;
  readonly txReset: Counter;
  readonly streamsActive: Gauge;
  readonly pendingSendBytes: Gauge;
  /** Streams whose messages have both passed on the wire, and whose reader has not taken all of it. */
  readonly deferredStreamClose: Gauge;
  readonly #outboundFrames: Gauge;
  readonly #outboundControlFrames: Gauge;
  #outbound: OutboundMeter | null;

  /** @param scope the server's root scope, or a cluster's; `http2.` is added here */
  constructor(scope: StatsScope) {
    const http2 = scope.scope('http2');
    this.droppedHeadersWithUnderscores = http2.counter('dropped_headers_with_underscores');
    this.goAwaySent = http2.counter('goaway_sent');
    this.headerListSizeTooLarge = http2.counter('header_list_size_too_large');
    this.headerOverflow = http2.counter('header_overflow');
    this.inboundEmptyFramesFlood = http2.counter('inbound_empty_frames_flood');
    this.inboundPriorityFramesFlood = http2.counter('inbound_priority_frames_flood');
    this.inboundWindowUpdateFramesFlood = http2.counter('inbound_window_update_frames_flood');
    this.keepaliveTimeout = http2.counter('keepalive_timeout');
    this.outboundControlFlood = http2.counter('outbound_control_flood');
    this.outboundFlood = http2.counter('outbound_flood');
    this.requestsRejectedWithUnderscores = http2.counter('requests_rejected_with_underscores_in_headers');
    this.rxMessagingError = http2.counter('rx_messaging_error');
    this.rxReset = http2.counter('rx_reset');
    this.streamRefusedErrors = http2.counter('stream_refused_errors');
    this.trailers = http2.counter('trailers');
    this.txFlushTimeout = http2.counter('tx_flush_timeout');
    this.txReset = http2.counter('tx_reset');
    this.streamsActive = http2.gauge('streams_active');
    this.pendingSendBytes = http2.gauge('pending_send_bytes');
    this.deferredStreamClose = http2.gauge('deferred_stream_close');
    this.#outboundFrames = http2.gauge('outbound_frames_active');
    this.#outboundControlFrames = http2.gauge('outbound_control_frames_active');
    this.#outbound = null;
    for (const name of ALWAYS_ZERO) http2.counter(name);
  }

  /** Shared by all connections that count here. */
  outboundMeter(clock: Clock): OutboundMeter {
    this.#outbound ??= new OutboundMeter(this.#outboundFrames, this.#outboundControlFrames, clock);
    return this.#outbound;
  }
}
