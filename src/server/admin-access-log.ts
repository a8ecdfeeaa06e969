/** `admin.access_log`: lines of the admin interface's own requests, by the formats, filters and files that requests of listeners have. */
import { AccessLogs } from '../access-log/access-logs.ts';
import type { AccessLogSettings } from '../access-log/settings.ts';
import type { AdminAccessLog, AdminAccessRecord } from '../admin/api.ts';
import { redacting } from '../http/format/operator.ts';
import { RequestHeaders, ResponseHeaders } from '../http/header-map.ts';
import { type ConnectionInfo, StreamInfo } from '../http/stream-info.ts';
import { type Address, isLoopback, parseIpPort, pipeAddress } from '../net/address.ts';
import type { Clock } from '../runtime/clock.ts';
import { environmentVariable } from '../runtime/environment.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { StatsScope } from '../stats/scope.ts';

export interface AdminAccessLogDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  readonly rootScope: StatsScope;
  readonly flushIntervalMs: number;
  /** --redact-headers */
  readonly redactHeaders: readonly string[];
  readonly hostname: string;
  /** The machine's own, under which Envoy names clients on it. */
  readonly addressIp: string;
}

export class AdminAccessLogs implements AdminAccessLog {
  readonly #deps: AdminAccessLogDeps;
  readonly #files: AccessLogs;
  readonly #loggers: readonly { log(info: StreamInfo, type: string): void }[];

  /** @throws if a file cannot be opened */
  constructor(settings: readonly AccessLogSettings[], deps: AdminAccessLogDeps) {
    const { clock, random, runtime, rootScope, flushIntervalMs, hostname } = deps;
    const format = redacting({ clock, random, hostname, variable: environmentVariable }, deps.redactHeaders);
    this.#deps = deps;
    this.#files = new AccessLogs({ clock, random, runtime, rootScope, format, flushIntervalMs });
    this.#loggers = settings.map((log) => this.#files.logger(log));
  }

  log(record: AdminAccessRecord): void {
    const info = this.#streamInfo(record);
    for (const logger of this.#loggers) logger.log(info, 'DownstreamEnd');
  }

  reopen(): void {
    this.#files.reopen();
  }

  close(): Promise<void> {
    return this.#files.close();
  }

  #streamInfo(record: AdminAccessRecord): StreamInfo {
    const { clock, random, addressIp } = this.#deps;
    const endMs = clock.nowMs();
    const connection = connectionOf(record);
    const info = new StreamInfo(connection, endMs - record.durationMs, record.startWallMs, random.nextU32());
    info.protocol = record.protocol;
    info.responseCode = record.responseCode;
    info.responseCodeDetails = 'admin_filter_response';
    info.bytesReceived = record.bytesReceived;
    info.bytesSent = record.bytesSent;
    info.lastDownstreamRxMs = info.startMs;
    info.firstDownstreamTxMs = info.startMs;
    info.lastDownstreamTxMs = endMs;
    info.endMs = endMs;
    const request = new RequestHeaders(record.method, record.path, record.authority);
    const { headers } = record;
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i]!.toLowerCase();
      if (name !== 'host') request.append(name, headers[i + 1]!);
    }
    // Envoy's admin interface is a connection manager that trusts nobody's word on where a request comes from.
    const { remoteAddress } = connection;
    request.append('x-forwarded-for', isLoopback(remoteAddress) || remoteAddress.kind !== 'ip' ? addressIp : remoteAddress.ip);
    request.set('x-forwarded-proto', 'http');
    info.requestHeaders = request;
    const response = new ResponseHeaders(record.responseCode);
    response.add('content-type', record.contentType);
    info.responseHeaders = response;
    return info;
  }
}

function connectionOf(record: AdminAccessRecord): ConnectionInfo {
  const local = addressOf(record.localAddress);
  const remote = addressOf(record.remoteAddress);
  return {
    id: record.connectionId,
    localAddress: local,
    remoteAddress: remote,
    directLocalAddress: local,
    directRemoteAddress: remote,
    requestedServerName: '',
    transportProtocol: 'raw_buffer',
    applicationProtocols: [],
    filterChainName: '',
    listenerName: 'admin',
    trafficDirection: 0,
    localAddressRestored: false,
    tls: null,
    transportFailureReason: '',
    upstreamSource: null,
    proxyTlvs: null,
  };
}

function addressOf(text: string): Address {
  return parseIpPort(text) ?? pipeAddress(text);
}
