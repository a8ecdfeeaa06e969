/**
 * Closes connections beyond a number that one filter chain may have open, at once or after a delay that slows a flood down.
 * The count is this worker's. Source: envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit.
 */

import type { Clock } from '../../../runtime/clock.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import type { Counter, Gauge, StatsScope } from '../../../stats/scope.ts';
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
  open: number;

  constructor(settings: ConnectionLimitSettings, clock: Clock, runtime: RuntimeSnapshot, scope: StatsScope) {
    this.settings = settings;
    this.clock = clock;
    this.runtime = runtime;
    const own = scope.tagged('connection_limit', 'envoy.connection_limit_prefix', settings.statPrefix);
    this.limited = own.counter('limited_connections');
    this.active = own.gauge('active_connections');
    this.open = 0;
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
    if (this.#limit.open < settings.maxConnections) {
      this.#limit.open++;
      return Status.Continue;
    }
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
    if (!this.#rejected) this.#limit.open--;
  }

  onTimer(): void {
    this.#callbacks.close('no-flush', '');
  }
}

export function createConnectionLimit(settings: ConnectionLimitSettings, deps: NetworkFilterDeps): NetworkFilterFactory {
  return new ConnectionLimit(settings, deps.clock, deps.runtime, deps.rootScope);
}
