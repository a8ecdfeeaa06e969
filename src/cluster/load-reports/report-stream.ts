/**
 * One host's load reports, asked of it apart from requests: a gRPC stream on a connection of its own. Source: Envoy's OrcaOobSession. A stream that
 * ends, fails or falls silent is opened again after a back-off; a host that does not know the method is not asked any more.
 */
import type { ResponseDecoder } from '../../http/codec.ts';
import { GrpcFrameDecoder } from '../../http/grpc-frames.ts';
import { grpcStatusHeader, httpToGrpcStatus, isGrpcContentType } from '../../http/grpc-status.ts';
import { type Http2ClientCallbacks, Http2ClientConnection } from '../../http/h2/client-connection.ts';
import type { Http2Settings } from '../../http/h2/settings.ts';
import type { Http2Stats } from '../../http/h2/stats.ts';
import { type HeaderMap, RequestHeaders, type ResponseHeaders } from '../../http/header-map.ts';
import { type OrcaReport, parseOrcaReport } from '../../lb/orca-report.ts';
import { type Address, ipAddress } from '../../net/address.ts';
import type { Connection, ConnectionHandler } from '../../net/connection.ts';
import { JitteredExponentialBackOff } from '../../resilience/back-off.ts';
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { Counter, Gauge } from '../../stats/scope.ts';
import type { CheckConnector } from '../health-check/check-connector.ts';
import type { CheckedHost } from '../health-check/checked-host.ts';
import { DEAF } from '../health-check/socket-probe.ts';
import type { ConnectAttempt, ConnectListener } from '../pool/connect.ts';

/** What all streams of a cluster share. */
export interface ReportStreamParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly connector: CheckConnector;
  readonly http2: Http2Settings;
  readonly http2Stats: Http2Stats;
  readonly stats: ReportStats;
  readonly periodMs: number;
  /** 0 = the host's. */
  readonly port: number;
  /** '' = the host's. */
  readonly authority: string;
  /** The request's one message, framed. */
  readonly request: Buffer;
  /** @returns false if the report makes no weight */
  onReport(slot: number, report: OrcaReport): boolean;
}

/** `cluster.<name>.lb_orca_oob.` */
export interface ReportStats {
  readonly active: Gauge;
  readonly received: Counter;
  readonly errors: Counter;
  readonly failures: Counter;
  readonly terminated: Counter;
}

const PATH = '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics';
const UNIMPLEMENTED = 12;
const MAX_MESSAGE = 1 << 20;
/** Of the reporting period: a host that has been silent for so long is asked anew. */
const SILENT_PERIODS = 3;
const BACK_OFF_BASE_MS = 1000;
const BACK_OFF_MAX_MS = 120_000;

const START = 0;

export class ReportStream implements TimerTarget, ConnectListener, ConnectionHandler, Http2ClientCallbacks, ResponseDecoder {
  readonly host: CheckedHost;
  readonly #parts: ReportStreamParts;
  readonly #start: Timer;
  readonly #silence: Timer;
  #backOff: JitteredExponentialBackOff;
  #attempt: ConnectAttempt | null = null;
  #connection: Connection | null = null;
  #codec: Http2ClientConnection | null = null;
  #frames = new GrpcFrameDecoder(MAX_MESSAGE);
  #grpcStatus = -1;
  /** A stream is open, or on its way. */
  #running = false;
  #over = false;

  /** Hosts are not all asked at once: each at a random moment of the first period. */
  constructor(host: CheckedHost, parts: ReportStreamParts) {
    this.host = host;
    this.#parts = parts;
    this.#start = new Timer(this, START);
    this.#silence = new Timer(this, 1);
    this.#backOff = newBackOff(parts.random);
    parts.stats.active.add(1);
    parts.clock.arm(this.#start, parts.random.below(Math.max(1, parts.periodMs)));
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#running = false;
    this.#parts.stats.active.add(-1);
    this.#parts.clock.disarm(this.#start);
    this.#disconnect();
  }

  onTimer(timer: Timer): void {
    if (timer.kind === START) this.#open();
    else this.#failed();
  }

  #open(): void {
    const { clock, periodMs, connector } = this.#parts;
    this.#running = true;
    clock.arm(this.#silence, periodMs * SILENT_PERIODS);
    this.#frames = new GrpcFrameDecoder(MAX_MESSAGE);
    this.#grpcStatus = -1;
    this.#attempt = connector.connect(this.host, this.#address, this);
  }

  get #address(): Address {
    const { record, address } = this.host;
    return this.#parts.port === 0 || record.path !== '' ? address : ipAddress(record.ip, this.#parts.port);
  }

  // ConnectListener

  onConnected(connection: Connection): void {
    const { http2, http2Stats, clock, random, connector, request, authority } = this.#parts;
    this.#attempt = null;
    this.#connection = connection;
    connection.handler = this;
    this.#codec = new Http2ClientConnection(connection, http2, this, http2Stats, clock, random);
    const encoder = this.#codec.newStream(this);
    const name = authority || this.host.record.hostname || this.#address.text;
    const headers = new RequestHeaders('POST', PATH, name, connector.isSecure(this.host) ? 'https' : 'http');
    headers.add('te', 'trailers');
    headers.add('content-type', 'application/grpc');
    encoder.encodeHeaders(headers, false);
    encoder.encodeData(request, true);
  }

  onConnectFailed(): void {
    this.#attempt = null;
    this.#failed();
  }

  // ConnectionHandler

  onData(chunk: Buffer): void {
    this.#codec!.onData(chunk);
  }

  onEnd(): void {
    this.#failed();
  }

  onClose(): void {
    this.#failed();
  }

  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}

  // ResponseDecoder

  on1xxHeaders(): void {}

  onResponseHeaders(headers: ResponseHeaders, end: boolean): void {
    if (headers.status !== 200) this.#ended(grpcStatusHeader(headers) ?? httpToGrpcStatus(headers.status));
    else if (end) this.#grpcStatus = grpcStatusHeader(headers) ?? 2;
    else if (!isGrpcContentType(headers.get('content-type'))) this.#failed();
  }

  onResponseData(chunk: Buffer): void {
    const frames = this.#frames.decode(chunk);
    for (const { flags, message } of frames ?? []) {
      if (!this.#running) return;
      if (message.length === 0 && flags === 0) continue;
      const report = flags === 0 ? parseOrcaReport(message) : null;
      if (report === null) this.#failed();
      else this.#reported(report);
    }
    if (frames === null) this.#failed();
  }

  onResponseTrailers(trailers: HeaderMap): void {
    this.#grpcStatus = grpcStatusHeader(trailers) ?? 2;
  }

  onResponseReset(): void {
    this.#failed();
  }

  // Http2ClientCallbacks

  onStreamClosed(): void {
    this.#ended(this.#grpcStatus);
  }

  /** What is open stays open; the next stream has a connection of its own anyway. */
  onGoAway(): void {}
  onMaxStreamsChanged(): void {}

  onProtocolError(): void {
    this.#failed();
  }

  #reported(report: OrcaReport): void {
    const { clock, periodMs, random, stats } = this.#parts;
    stats.received.inc();
    this.#backOff = newBackOff(random);
    clock.arm(this.#silence, periodMs * SILENT_PERIODS);
    if (!this.#parts.onReport(this.host.slot, report)) stats.errors.inc();
  }

  #ended(status: number): void {
    if (!this.#running || status !== UNIMPLEMENTED) {
      this.#failed();
      return;
    }
    this.#parts.stats.terminated.inc();
    this.close();
  }

  #failed(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#disconnect();
    this.#parts.stats.failures.inc();
    this.#parts.clock.arm(this.#start, this.#backOff.nextMs());
  }

  #disconnect(): void {
    this.#parts.clock.disarm(this.#silence);
    this.#attempt?.abort();
    this.#attempt = null;
    const connection = this.#connection;
    if (connection === null) return;
    this.#connection = null;
    connection.handler = DEAF;
    this.#codec!.onConnectionClosed();
    this.#codec = null;
    connection.close('no-flush');
  }
}

function newBackOff(random: Random): JitteredExponentialBackOff {
  return new JitteredExponentialBackOff(BACK_OFF_BASE_MS, BACK_OFF_MAX_MS, random);
}
