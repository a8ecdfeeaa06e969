/** `runtime.` statistics: how many layers and keys are in force. */
import type { Counter, Gauge, StatsScope } from '../stats/scope.ts';
import type { RuntimeLayers } from './runtime-layers.ts';

export class RuntimeStats {
  readonly #layers: Gauge;
  readonly #keys: Gauge;
  readonly #overrides: Gauge;
  readonly #loads: Counter;
  #seen = 0;

  constructor(root: StatsScope) {
    const scope = root.scope('runtime');
    this.#layers = scope.gauge('num_layers');
    this.#keys = scope.gauge('num_keys');
    this.#overrides = scope.gauge('admin_overrides_active');
    this.#loads = scope.counter('load_success');
    // Envoy has these names, and here nothing moves them.
    for (const name of ['deprecated_feature_use', 'load_error', 'override_dir_exists', 'override_dir_not_exists']) scope.counter(name);
    scope.gauge('deprecated_feature_seen_since_process_start');
  }

  refresh(layers: RuntimeLayers): void {
    this.#layers.set(layers.names.length);
    this.#keys.set(Object.keys(layers.values()).length);
    this.#overrides.set(layers.overrides > 0 ? 1 : 0);
    this.#loads.add(layers.loads - this.#seen);
    this.#seen = layers.loads;
  }
}
