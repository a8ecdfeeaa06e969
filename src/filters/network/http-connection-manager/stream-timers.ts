/** The timers of one stream, made only for streams that have any: by default none has. */
import { formatGrpcTimeout, grpcTimeoutMs } from '../../../http/grpc-timeout.ts';
import type { RequestHeaders } from '../../../http/header-map.ts';
import type { RouteAction } from '../../../route/route.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';

/** What expires; index of the timer. */
export const StreamTimer = { Idle: 0, Request: 1, RequestHeaders: 2, MaxDuration: 3, LogFlush: 4 } as const;
export type StreamTimer = (typeof StreamTimer)[keyof typeof StreamTimer];

export interface StreamTimerTarget {
  onStreamTimer(kind: StreamTimer): void;
}

export class StreamTimers implements TimerTarget {
  readonly #target: StreamTimerTarget;
  readonly #clock: Clock;
  readonly #timers: (Timer | null)[];

  constructor(target: StreamTimerTarget, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
    this.#timers = [null, null, null, null, null];
  }

  arm(kind: StreamTimer, delayMs: number): void {
    this.#clock.arm((this.#timers[kind] ??= new Timer(this, kind)), delayMs);
  }

  disarm(kind: StreamTimer): void {
    const timer = this.#timers[kind];
    if (timer !== null && timer !== undefined) this.#clock.disarm(timer);
  }

  disarmAll(): void {
    for (let kind = 0; kind < this.#timers.length; kind++) this.disarm(kind as StreamTimer);
  }

  onTimer(timer: Timer): void {
    this.#target.onStreamTimer(timer.kind as StreamTimer);
  }
}

/**
 * How long the whole stream may take by its route: null = the connection manager's limit holds, -1 = no limit. A gRPC deadline that the
 * route honours is capped, shortened by the offset and told upstream. Source: ActiveStream::refreshDurationTimeout.
 */
export function streamDurationMs(headers: RequestHeaders, action: RouteAction): number | null {
  const grpcMs = action.grpcTimeoutHeaderMaxMs === null ? -1 : grpcTimeoutMs(headers);
  if (grpcMs < 0) return action.maxStreamDurationMs === null ? null : action.maxStreamDurationMs || -1;
  const capMs = action.grpcTimeoutHeaderMaxMs!;
  const timeoutMs = Math.max(0, (capMs > 0 ? Math.min(grpcMs, capMs) : grpcMs) - action.grpcTimeoutHeaderOffsetMs);
  headers.set('grpc-timeout', formatGrpcTimeout(timeoutMs));
  return timeoutMs;
}
