/** What happens to a stream that has taken too long. Source: ConnectionManagerImpl::ActiveStream, its on…Timeout methods. */
import { ResetReason } from '../../../http/reset-reason.ts';
import { Flag } from '../../../http/response-flags.ts';
import { ScaledTimer } from '../../../runtime/overload.ts';
import type { HttpStream } from './http-stream.ts';
import { StreamTimer } from './stream-timers.ts';

const GRPC_DEADLINE_EXCEEDED = 4;

export function onStreamTimerExpired(stream: HttpStream, kind: StreamTimer): void {
  const { stats, settings, overload } = stream.manager;
  switch (kind) {
    case StreamTimer.Idle: {
      const idleMs = stream.route?.action?.idleTimeoutMs ?? 0;
      if (idleMs === 0) return;
      const quietMs = stream.clock.nowMs() - stream.lastActivityMs;
      const limitMs = overload.timeoutMs(ScaledTimer.StreamIdle, idleMs);
      if (quietMs >= limitMs) onStreamIdle(stream);
      else stream.arm(StreamTimer.Idle, overload.lookMs(ScaledTimer.StreamIdle, limitMs - quietMs));
      return;
    }
    case StreamTimer.Request:
      stats.rqTimeout.inc();
      timeOut(stream, 'request timeout', 0, 'request_overall_timeout');
      return;
    case StreamTimer.RequestHeaders:
      stats.rqHeaderTimeout.inc();
      timeOut(stream, 'request header timeout', 0, 'request_header_timeout');
      return;
    case StreamTimer.MaxDuration:
      stats.rqMaxDurationReached.inc();
      timeOut(stream, 'downstream duration timeout', 0, 'max_duration_timeout', GRPC_DEADLINE_EXCEEDED);
      return;
    case StreamTimer.LogFlush:
      stream.manager.log(stream.info, 'DownstreamPeriodic');
      stream.arm(StreamTimer.LogFlush, settings.accessLogFlushIntervalMs);
  }
}

/** Nothing has moved in either direction for stream_idle_timeout. */
export function onStreamIdle(stream: HttpStream): void {
  stream.manager.stats.rqIdleTimeout.inc();
  timeOut(stream, 'stream timeout', Flag.SI, 'stream_idle_timeout');
}

/** 408 while the request is still coming in, 504 when it has been received; a response that has begun is cut off. */
function timeOut(stream: HttpStream, body: string, flag: number, details: string, grpcStatus = -1): void {
  stream.connection.dispatch(() => {
    if (stream.responseStarted) {
      stream.info.flags |= flag;
      stream.info.responseCodeDetails = details;
      stream.reset(ResetReason.LocalReset);
    } else stream.localReply(stream.requestEnded ? 504 : 408, body, flag, details, null, grpcStatus);
  });
}
