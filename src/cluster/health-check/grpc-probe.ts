/** gRPC check: grpc.health.v1.Health/Check, whose two messages have one field each. Source: GrpcHealthCheckerImpl. */
import type { FormatEnvironment } from '../../http/format/operator.ts';
import { grpcTimeout } from '../../http/grpc-service.ts';
import { RequestHeaders } from '../../http/header-map.ts';
import type { CheckConnector } from './check-connector.ts';
import { CheckHeaders } from './check-headers.ts';
import type { CheckedHost } from './checked-host.ts';
import { type Http2Answer, Http2Probe, type Http2ProbeParts } from './http2-probe.ts';
import type { ProbeListener } from './probe.ts';
import type { GrpcCheckSettings } from './settings.ts';

const MAX_ANSWER = 4096;
/** HealthCheckResponse.ServingStatus. */
const SERVING = 1;

/** What all hosts of a cluster share of its gRPC check. */
export class GrpcCheckParts {
  readonly frame: Buffer;
  readonly #settings: GrpcCheckSettings;
  readonly #cluster: string;
  readonly #timeout: string;
  readonly #headers: CheckHeaders;

  constructor(settings: GrpcCheckSettings, cluster: string, timeoutMs: number, env: FormatEnvironment) {
    this.frame = requestFrame(settings.service);
    this.#settings = settings;
    this.#cluster = cluster;
    this.#timeout = grpcTimeout(timeoutMs);
    this.#headers = new CheckHeaders(settings.addHeaders, [], env);
  }

  requestHeaders(host: CheckedHost, scheme: string): RequestHeaders {
    const authority = host.hostname || this.#settings.authority || this.#cluster;
    const headers = new RequestHeaders('POST', '/grpc.health.v1.Health/Check', authority, scheme);
    headers.add('te', 'trailers');
    headers.add('content-type', 'application/grpc');
    headers.add('grpc-timeout', this.#timeout);
    headers.add('user-agent', 'Envoy/HC');
    this.#headers.apply(headers, host, this.#cluster, 'HTTP/2');
    return headers;
  }
}

export class GrpcProbe extends Http2Probe {
  readonly #parts: GrpcCheckParts;

  constructor(
    host: CheckedHost,
    listener: ProbeListener,
    connector: CheckConnector,
    parts: GrpcCheckParts,
    http2: Http2ProbeParts,
    reuse: boolean,
  ) {
    super(host, listener, connector, http2, reuse);
    this.#parts = parts;
  }

  protected request(scheme: string) {
    return { headers: this.#parts.requestHeaders(this.host, scheme), body: this.#parts.frame, keep: MAX_ANSWER };
  }

  protected answered(answer: Http2Answer): void {
    if (isServing(answer)) this.listener.onPassed(false);
    else this.listener.onFailed(false, false, 0);
  }
}

function isServing({ status, headers, trailers, body }: Http2Answer): boolean {
  if (status !== 200 || !isGrpc(headers.get('content-type') ?? '')) return false;
  if ((trailers.get('grpc-status') ?? headers.get('grpc-status')) !== '0') return false;
  // One message, not compressed: flag, length, bytes.
  if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) return false;
  return servingStatus(body.subarray(5)) === SERVING;
}

function isGrpc(contentType: string): boolean {
  return contentType === 'application/grpc' || contentType.startsWith('application/grpc+');
}

/** HealthCheckRequest { string service = 1; } in its gRPC frame. */
function requestFrame(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** HealthCheckResponse { ServingStatus status = 1; }: 0 (UNKNOWN) when absent, -1 when it cannot be read. Unknown fields are skipped. */
function servingStatus(message: Buffer): number {
  let status = 0;
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let factor = 1; at < message.length; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < message.length) {
    const tag = next();
    const wire = tag & 7;
    let skipped = 0;
    if (tag === 0x08) status = next();
    else if (wire === 0) skipped = next() * 0;
    else if (wire === 1) skipped = 8;
    else if (wire === 2) skipped = next();
    else if (wire === 5) skipped = 4;
    else return -1;
    at += skipped;
    // Cut short, or a field without a number.
    if (tag < 8 || !(at <= message.length) || Number.isNaN(status)) return -1;
  }
  return status;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}
