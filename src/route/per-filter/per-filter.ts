/** typed_per_filter_config of all levels of a route, merged once when configuration is applied. */
import type { LevelSettings, PerFilterSettings, RouteTableSettings } from '../settings.ts';

type Level = Readonly<Record<string, PerFilterSettings>>;

const NONE: readonly unknown[] = [];

export class PerFilterConfig {
  /** Most specific settings by filter name. */
  readonly #settings = new Map<string, unknown>();
  readonly #disabled = new Map<string, boolean>();
  /** Least specific first. */
  readonly #all = new Map<string, unknown[]>();

  /** @param levels least specific first */
  constructor(levels: readonly Level[]) {
    for (const level of levels) {
      for (const [name, { disabled, settings }] of Object.entries(level)) {
        this.#disabled.set(name, disabled);
        if (settings === undefined) continue;
        this.#settings.set(name, settings);
        const all = this.#all.get(name);
        if (all === undefined) this.#all.set(name, [settings]);
        else all.push(settings);
      }
    }
  }

  settings(filterName: string): unknown {
    return this.#settings.get(filterName);
  }

  /** undefined: no level says anything. An entry without `disabled` switches on a filter that the chain has switched off. */
  disabled(filterName: string): boolean | undefined {
    return this.#disabled.get(filterName);
  }

  all(filterName: string): readonly unknown[] {
    return this.#all.get(filterName) ?? NONE;
  }
}

/** Everything of a route configuration that can carry typed_per_filter_config. */
export function* levelsOf(table: RouteTableSettings): Generator<LevelSettings> {
  yield table;
  for (const host of table.virtualHosts) {
    yield host;
    for (const route of host.routes) {
      yield route;
      if (route.action.kind === 'forward' && route.action.cluster.kind === 'weighted') yield* route.action.cluster.entries;
    }
  }
}

/** null when no level says anything; levels that are null are left out. */
export function mergePerFilter(levels: readonly (Level | null)[]): PerFilterConfig | null {
  const present = levels.filter((level) => level !== null);
  return present.length === 0 ? null : new PerFilterConfig(present);
}
