/** Streams that are cut short, by the client or towards it. Source: ConnectionManagerImpl::ActiveStream::onResetStream and doEndStream. */
import { ResetReason } from '../../../http/reset-reason.ts';
import { Flag } from '../../../http/response-flags.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { HttpStream } from './http-stream.ts';

/** The codec has given the request up. @param details its words; '' = the client has gone */
export function noteReset(info: StreamInfo, reason: ResetReason, details: string): void {
  if (reason === ResetReason.RemoteReset) info.flags |= Flag.DR;
  else if (reason === ResetReason.ProtocolError) info.flags |= Flag.DPE;
  info.responseCodeDetails = details === '' ? 'downstream_remote_disconnect' : details;
  if (info.responseCodeDetails === 'downstream_remote_disconnect') info.flags |= Flag.DC;
}

/** What the codec says of a stream that is cut off. Source: ConnectionManagerImpl::doEndStream. */
export function http2ResetReason(stream: HttpStream): ResetReason {
  // RFC 9113 §8.5: the connection of a CONNECT, or of an upgrade, was reset or closed abnormally.
  const lost = stream.isTunnel && (stream.info.flags & (Flag.UF | Flag.UC)) !== 0;
  return lost ? ResetReason.ConnectError : ResetReason.LocalReset;
}
