/** Notes for the access log what became of a try: connection, moments, bytes. */
import type { ConnectionTimes } from '../../../cluster/api.ts';
import { continueMeter } from '../../../http/byte-meter.ts';
import type { RequestEncoder } from '../../../http/codec.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { Host } from '../../../lb/host.ts';
import type { TerminalHttpStream } from '../../api.ts';

/** @param opened the connection's beginning, if it was opened for this request */
export function recordReady(info: StreamInfo, host: Host, encoder: RequestEncoder, opened: ConnectionTimes | null, now: number): void {
  info.upstreamHost = host;
  info.upstreamLocalAddress = encoder.connection.localAddress;
  info.upstreamConnectionId = encoder.connection.id;
  info.upstreamTls = encoder.connection.tls;
  info.upstreamProtocol = encoder.protocol;
  if (info.upstreamBytes !== null) continueMeter(encoder, info.upstreamBytes);
  info.upstreamBytes = encoder;
  if (info.poolRequestMs < 0) info.poolRequestMs = now;
  info.poolReadyMs = now;
  info.firstUpstreamTxMs = now;
  info.lastUpstreamTxMs = now;
  if (opened !== null) {
    info.upstreamConnectBeginMs = opened.startedMs;
    info.upstreamConnectEndMs = opened.connectedMs;
  }
}

export function recordPoolFailure(stream: TerminalHttpStream): void {
  const now = stream.clock.nowMs();
  if (stream.info.poolRequestMs < 0) stream.info.poolRequestMs = now;
  stream.info.poolReadyMs = now;
}
