/**
 * Closes connections beyond a number that one filter chain may have open, at once or after a delay that slows a flood down.
 * The count is that of all workers together. Source: envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit.
 */

import type { SharedBlock } from '../../../lb/shared-blocks.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import type { Counter, Gauge } from '../../../stats/scope.ts';
import type { NetworkFilter, NetworkFilterCallbacks, NetworkFilterDeps, NetworkFilterFactory } from '../../api.ts';
import { Status } from '../../api.ts';
import type { ConnectionLimitSettings } from './config.ts';

/** What the filters of one chain share. */
class ConnectionLimit implements NetworkFilterFactory {
  readonly settings: ConnectionLimitSettings;
  readonly clock: Clock;
  readonly runtime: RuntimeSnapshot;
  readonly limited: Counter;
  readonly active: Gauge;
  readonly #block: SharedBlock;

  constructor(settings: ConnectionLimitSettings, deps: NetworkFilterDeps) {
    this.settings = settings;
    this.clock = deps.clock;
    this.runtime = deps.runtime;
    this.#block = deps.shared.acquire(`connection limit ${settings.place}`);
    const scope = deps.rootScope;
    const own = scope.tagged('connection_limit', 'envoy.connection_limit_prefix', settings.statPrefix);
    this.limited = own.counter('limited_connections');
    this.active = own.gauge('active_connections');
  }

  /** Counts one more connection; false if as many as may be are open. */
  open(): boolean {
    const { cells, base, ledger } = this.#block;
    if (Atomics.add(cells, base, 1) >= this.settings.maxConnections) {
      Atomics.sub(cells, base, 1);
      return false;
    }
    if (ledger !== null) ledger[base]!++;
    return true;
  }

  closed(): void {
    const { cells, base, ledger } = this.#block;
    Atomics.sub(cells, base, 1);
    if (ledger !== null) ledger[base]!--;
  }

  newFilter(callbacks: NetworkFilterCallbacks): NetworkFilter {
    return new ConnectionLimitFilter(this, callbacks);
  }
}

class ConnectionLimitFilter implements NetworkFilter, TimerTarget {
  readonly #limit: ConnectionLimit;
  readonly #callbacks: NetworkFilterCallbacks;
  readonly #delay: Timer;
  #rejected: boolean;
  #counted: boolean;

  constructor(limit: ConnectionLimit, callbacks: NetworkFilterCallbacks) {
    this.#limit = limit;
    this.#callbacks = callbacks;
    this.#delay = new Timer(this, 0);
    this.#rejected = false;
    this.#counted = false;
  }

  onConnection(): Status {
    const { settings, runtime, clock } = this.#limit;
    if (!runtime.boolean(settings.runtimeKey, settings.enabled)) return Status.Continue;
    // The gauge counts connections that are to be closed too, until they are.
    this.#limit.active.inc();
    this.#counted = true;
    if (this.#limit.open()) return Status.Continue;
    this.#limit.limited.inc();
    this.#rejected = true;
    if (settings.delayMs > 0) clock.arm(this.#delay, settings.delayMs);
    else this.#callbacks.close('no-flush', '');
    return Status.Stop;
  }

  onData(): Status {
    return this.#rejected ? Status.Stop : Status.Continue;
  }

  onClose(): void {
    if (this.#delay.armed) this.#limit.clock.disarm(this.#delay);
    if (!this.#counted) return;
    this.#limit.active.dec();
    if (!this.#rejected) this.#limit.closed();
  }

  onTimer(): void {
    this.#callbacks.close('no-flush', '');
  }
}

export function createConnectionLimit(settings: ConnectionLimitSettings, deps: NetworkFilterDeps): NetworkFilterFactory {
  return new ConnectionLimit(settings, deps);
}
