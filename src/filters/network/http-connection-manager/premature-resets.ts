/**
 * Clients that open streams only to reset them (CVE-2023-44487): more than half of a connection's requests, once there have been enough.
 * Source: ConnectionManagerImpl::maybeDrainDueToPrematureResets, runtime keys overload.premature_reset_total_stream_count and
 * overload.premature_reset_min_stream_lifetime_seconds at their defaults.
 */
import { Flag } from '../../../http/response-flags.ts';
import type { HttpStream } from './http-stream.ts';

const ENOUGH = 500;
const MIN_LIFETIME_MS = 1000;

export class PrematureResets {
  #streams = 0;
  #premature = 0;

  /** @returns whether the connection has to go */
  onStreamEnd(stream: HttpStream, nowMs: number): boolean {
    this.#streams++;
    if ((stream.info.flags & Flag.DR) !== 0 && nowMs - stream.info.startMs < MIN_LIFETIME_MS) this.#premature++;
    // Before there have been enough, only what the best behaviour from here on would not make good.
    if (this.#streams < ENOUGH && this.#premature < ENOUGH / 2) return false;
    return this.#premature * 2 >= this.#streams;
  }
}
