/**
 * A connection to whichever of several addresses answers first (RFC 8305): the next one is tried when an attempt fails, or takes long. As
 * Envoy's HappyEyeballsConnectionImpl.
 */
import type { ResetReason } from '../../http/reset-reason.ts';
import type { HostAddress } from '../../lb/host.ts';
import type { Connection } from '../../net/connection.ts';
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { HappyEyeballsSettings } from '../settings.ts';
import type { ConnectAttempt, ConnectListener } from './connect.ts';

/** Envoy's; within what RFC 8305 §5 recommends. */
const NEXT_AFTER_MS = 300;

/** Families take turns (RFC 8305 §4): `firstCount` of the first one, then one of the other. The first address says which is the first unless the settings do. */
export function inEyeballsOrder(addresses: readonly HostAddress[], { firstFamily, firstCount }: HappyEyeballsSettings): HostAddress[] {
  const first = firstFamily === 0 ? addresses[0]!.version : firstFamily;
  const own = addresses.filter(({ version }) => version === first);
  const others = addresses.filter(({ version }) => version !== first);
  const sorted: HostAddress[] = [];
  while (own.length > 0 || others.length > 0) sorted.push(...own.splice(0, firstCount), ...others.splice(0, 1));
  return sorted;
}

/** Opens the connection to one address. */
type Open = (address: HostAddress, listener: ConnectListener) => ConnectAttempt;

export class EyeballsAttempt implements ConnectAttempt, TimerTarget {
  readonly #addresses: readonly HostAddress[];
  readonly #clock: Clock;
  readonly #listener: ConnectListener;
  readonly #open: Open;
  readonly #timer: Timer;
  readonly #attempts = new Map<number, ConnectAttempt>();
  #next = 0;
  #settled = false;

  /** @param addresses in the order in which they are tried */
  constructor(addresses: readonly HostAddress[], clock: Clock, listener: ConnectListener, open: Open) {
    this.#addresses = addresses;
    this.#clock = clock;
    this.#listener = listener;
    this.#open = open;
    this.#timer = new Timer(this, 0);
    this.#tryNext();
  }

  abort(): void {
    this.#settle();
  }

  onTimer(): void {
    this.#tryNext();
  }

  #tryNext(): void {
    const index = this.#next++;
    const attempt = this.#open(this.#addresses[index]!, {
      onConnected: (connection) => this.#onConnected(index, connection),
      onConnectFailed: (reason, text) => this.#onFailed(index, reason, text),
    });
    this.#attempts.set(index, attempt);
    if (this.#next < this.#addresses.length) this.#clock.arm(this.#timer, NEXT_AFTER_MS);
  }

  #onConnected(index: number, connection: Connection): void {
    if (this.#settled) {
      connection.close('no-flush');
      return;
    }
    this.#attempts.delete(index);
    this.#settle();
    this.#listener.onConnected(connection);
  }

  #onFailed(index: number, reason: ResetReason, text: string): void {
    this.#attempts.delete(index);
    if (this.#settled) return;
    if (this.#next < this.#addresses.length) {
      this.#clock.disarm(this.#timer);
      this.#tryNext();
    } else if (this.#attempts.size === 0) {
      this.#settled = true;
      this.#listener.onConnectFailed(reason, text);
    }
  }

  /** Gives up what is still under way. */
  #settle(): void {
    this.#settled = true;
    this.#clock.disarm(this.#timer);
    for (const attempt of this.#attempts.values()) attempt.abort();
    this.#attempts.clear();
  }
}
