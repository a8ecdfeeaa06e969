/**
 * Lets one direction of a stream pass at a rate, in small steps. What has no tokens yet is kept, and the sender is held back when that is
 * much. Source: Envoy's StreamRateLimiter, which the fault and the bandwidth_limit filter share.
 */
import { keepChunk } from '../net/connection.ts';
import type { TokenBucket } from '../resilience/token-bucket.ts';
import { type Clock, Timer, type TimerTarget } from '../runtime/clock.ts';

/** The filter, for the direction that is limited. */
export interface LimitedDirection {
  /** Goes on with what may pass now. @param limited some had to stay behind */
  pass(chunk: Buffer, end: boolean, limited: boolean): void;
  /** Nothing is kept any more: the trailers may go. */
  passTrailers(): void;
  hold(hold: boolean): void;
}

const EMPTY = Buffer.alloc(0);

export class StreamRateLimiter implements TimerTarget {
  readonly #direction: LimitedDirection;
  readonly #bucket: TokenBucket;
  readonly #firstTokens: number;
  readonly #intervalMs: number;
  readonly #maxKept: number;
  readonly #clock: Clock;
  readonly #timer: Timer;
  #kept: Buffer[];
  #keptBytes: number;
  #ended: boolean;
  #trailers: boolean;
  #holding: boolean;

  /**
   * @param bucket of bytes; may be shared with other streams
   * @param startsSmall the bucket is this stream's: it starts with a step's worth, as a second's worth at once would not slow down what is small
   * @param intervalMs of a step
   * @param maxKept bytes above which the sender is held
   */
  constructor(direction: LimitedDirection, bucket: TokenBucket, startsSmall: boolean, intervalMs: number, maxKept: number, clock: Clock) {
    this.#direction = direction;
    this.#bucket = bucket;
    this.#firstTokens = startsSmall ? Math.floor((bucket.maxTokens * intervalMs) / 1000) : -1;
    this.#intervalMs = intervalMs;
    this.#maxKept = maxKept;
    this.#clock = clock;
    this.#timer = new Timer(this, 0);
    this.#kept = [];
    this.#keptBytes = 0;
    this.#ended = false;
    this.#trailers = false;
    this.#holding = false;
  }

  /** Passes what it may from inside this call. @param trailers they follow, without a call of `end` */
  write(chunk: Buffer, end: boolean, trailers = false): void {
    if (chunk.length > 0) this.#kept.push(keepChunk(chunk));
    this.#keptBytes += chunk.length;
    this.#ended = end;
    this.#trailers = trailers;
    if (this.#timer.armed) this.#updateHold();
    else this.onTimer();
  }

  /** The trailers have come. @returns true if they have to wait for `passTrailers` */
  end(): boolean {
    this.#ended = true;
    this.#trailers = true;
    return this.#keptBytes > 0;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  stop(): void {
    this.#clock.disarm(this.#timer);
    this.#kept = [];
    this.#keptBytes = 0;
  }

  onTimer(): void {
    if (this.#firstTokens >= 0) this.#bucket.startOnce(this.#firstTokens);
    const chunk = this.#cut(this.#bucket.take(this.#keptBytes));
    const limited = this.#keptBytes > 0;
    if (limited) this.#clock.arm(this.#timer, this.#intervalMs);
    this.#updateHold();
    this.#direction.pass(chunk, this.#ended && !limited && !this.#trailers, limited);
    if (!limited && this.#trailers) this.#direction.passTrailers();
  }

  #cut(bytes: number): Buffer {
    if (bytes === 0) return EMPTY;
    const kept = this.#kept;
    const parts: Buffer[] = [];
    let left = bytes;
    let whole = 0;
    while (whole < kept.length && kept[whole]!.length <= left) left -= kept[whole++]!.length;
    for (let i = 0; i < whole; i++) parts.push(kept[i]!);
    if (left > 0) {
      parts.push(kept[whole]!.subarray(0, left));
      kept[whole] = kept[whole]!.subarray(left);
    }
    kept.splice(0, whole);
    this.#keptBytes -= bytes;
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  #updateHold(): void {
    const hold = this.#holding ? this.#keptBytes > this.#maxKept / 2 : this.#keptBytes > this.#maxKept;
    if (hold === this.#holding) return;
    this.#holding = hold;
    this.#direction.hold(hold);
  }
}
