/**
 * Gives up responses whose last bytes the client does not take: its window stays shut and nothing moves. One timer a connection, which
 * runs only while there is such a stream. Source: Envoy's http2/codec_impl.cc, StreamImpl::onPendingFlushTimer (stream_idle_timeout).
 */
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import { ErrorCode } from './protocol.ts';
import type { Http2Session } from './session.ts';
import type { Http2Stream } from './stream.ts';

export class FlushWatch implements TimerTarget {
  readonly #session: Http2Session;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #timer: Timer | null;

  constructor(session: Http2Session, clock: Clock, timeoutMs: number) {
    this.#session = session;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#timer = null;
  }

  /** Begins to watch the stream, or notes that something has moved. */
  watch(stream: Http2Stream): void {
    if (this.#timeoutMs === 0) return;
    stream.flushDeadlineMs = this.#clock.nowMs() + this.#timeoutMs;
    this.#timer ??= new Timer(this, 0);
    if (!this.#timer.armed) this.#clock.arm(this.#timer, this.#timeoutMs);
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.disarm(this.#timer);
  }

  onTimer(): void {
    this.#session.connection.dispatch(() => this.#expire());
  }

  #expire(): void {
    const now = this.#clock.nowMs();
    let next = 0;
    for (const stream of [...this.#session.streams.values()]) {
      const deadline = stream.flushDeadlineMs;
      if (deadline === 0) continue;
      if (deadline <= now) {
        this.#session.stats.txFlushTimeout.inc();
        this.#session.resetStream(stream, ErrorCode.NoError);
      } else if (next === 0 || deadline < next) next = deadline;
    }
    if (next > 0) this.#clock.arm(this.#timer!, next - now);
  }
}
