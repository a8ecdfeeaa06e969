/** `runtime.` statistics: how many layers and keys are in force, and how often they were read. */
import type { Counter, Gauge, StatsScope } from '../stats/scope.ts';
import type { RuntimeLayers, RuntimeLoads } from './runtime-layers.ts';

const LOADS: readonly (readonly [keyof RuntimeLoads, string])[] = [
  ['success', 'load_success'],
  ['error', 'load_error'],
  ['overrideDirectory', 'override_dir_exists'],
  ['noOverrideDirectory', 'override_dir_not_exists'],
];

export class RuntimeStats {
  readonly #layers: Gauge;
  readonly #keys: Gauge;
  readonly #overrides: Gauge;
  readonly #loads: readonly (readonly [keyof RuntimeLoads, Counter])[];

  constructor(root: StatsScope) {
    const scope = root.scope('runtime');
    this.#layers = scope.gauge('num_layers');
    this.#keys = scope.gauge('num_keys');
    this.#overrides = scope.gauge('admin_overrides_active');
    this.#loads = LOADS.map(([key, name]) => [key, scope.counter(name)]);
    // Envoy has these names, and here nothing moves them.
    scope.counter('deprecated_feature_use');
    scope.gauge('deprecated_feature_seen_since_process_start');
  }

  refresh(layers: RuntimeLayers): void {
    this.#layers.set(layers.names.length);
    this.#keys.set(Object.keys(layers.values()).length);
    this.#overrides.set(layers.overrides > 0 ? 1 : 0);
    for (const [key, counter] of this.#loads) counter.add(layers.loads[key] - counter.value);
  }
}
