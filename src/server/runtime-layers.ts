/**
 * The runtime layers in force: static ones, disk directories and the admin's overrides, later ones winning. What readers see is put together
 * when something changes, and stays as it is until then. Source: envoy.config.bootstrap.v3.LayeredRuntime, Envoy's LoaderImpl.
 */
import { join } from 'node:path';
import { fs } from '../runtime/node-module.ts';
import type { RuntimeLayerSettings } from './compiled.ts';

export interface RuntimeEntry {
  readonly layerValues: readonly string[];
  readonly finalValue: string;
}

/** How often the layers were read, and how that went; for `runtime.` statistics. */
export interface RuntimeLoads {
  success: number;
  error: number;
  /** Loads that found more than one disk layer, and those that did not. */
  overrideDirectory: number;
  noOverrideDirectory: number;
}

/** One layer as it was last read. */
interface LoadedLayer {
  readonly name: string;
  readonly values: Readonly<Record<string, string>>;
}

/** Deeper directories are an error, as in Envoy. */
const MAX_DEPTH = 16;

export class RuntimeLayers {
  readonly loads: RuntimeLoads = { success: 0, error: 0, overrideDirectory: 0, noOverrideDirectory: 0 };
  #layers: readonly RuntimeLayerSettings[];
  #loaded: readonly LoadedLayer[] = [];
  readonly #serviceCluster: string;
  readonly #adminValues = new Map<string, string>();

  constructor(layers: readonly RuntimeLayerSettings[], serviceCluster: string) {
    // Without layers Envoy has one admin layer that answers nothing; overrides need a configured one.
    this.#layers = layers;
    this.#serviceCluster = serviceCluster;
    this.load();
  }

  /** Other layers; the admin's overrides stay. */
  replace(layers: readonly RuntimeLayerSettings[]): void {
    this.#layers = layers;
    this.load();
  }

  get settings(): readonly RuntimeLayerSettings[] {
    return this.#layers;
  }

  get names(): string[] {
    return this.#loaded.map((layer) => layer.name);
  }

  get hasAdminLayer(): boolean {
    return this.#layers.some((layer) => layer.kind === 'admin');
  }

  get overrides(): number {
    return this.#adminValues.size;
  }

  /** An empty value takes the override back. */
  override(values: Iterable<readonly [string, string]>): void {
    for (const [key, value] of values) {
      if (value === '') this.#adminValues.delete(key);
      else this.#adminValues.set(key, value);
    }
    this.load();
  }

  /** Reads all layers anew. A directory that is not there is no layer; one that cannot be read is an error, and is left out. */
  load(): void {
    const loaded: LoadedLayer[] = [];
    let disks = 0;
    let failed = false;
    for (const layer of this.#layers) {
      if (layer.kind === 'static') loaded.push(layer);
      else if (layer.kind === 'admin') loaded.push({ name: layer.name, values: Object.fromEntries(this.#adminValues) });
      else {
        const root = join(layer.symlinkRoot, layer.subdirectory, layer.appendServiceCluster ? this.#serviceCluster : '');
        if (fs.statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) continue;
        try {
          const values: Record<string, string> = {};
          readDirectory(root, '', 1, values);
          loaded.push({ name: layer.name, values });
          disks++;
        } catch {
          failed = true;
        }
      }
    }
    this.#loaded = loaded;
    if (failed) this.loads.error++;
    else this.loads.success++;
    if (disks > 1) this.loads.overrideDirectory++;
    else this.loads.noOverrideDirectory++;
  }

  /** What readers see, by key. */
  values(): Record<string, string> {
    return Object.assign({}, ...this.#loaded.map(({ values }) => values));
  }

  entries(): Record<string, RuntimeEntry> {
    const entries: Record<string, RuntimeEntry> = {};
    for (const key of Object.keys(this.values()).sort()) {
      const layerValues = this.#loaded.map(({ values }) => values[key] ?? '');
      entries[key] = { layerValues, finalValue: layerValues.findLast((value) => value !== '') ?? '' };
    }
    return entries;
  }
}

/** A file is a key, a directory a dotted prefix; lines that start with '#' are comments. */
function readDirectory(path: string, prefix: string, depth: number, into: Record<string, string>): void {
  if (depth > MAX_DEPTH) throw new Error(`walk recursion depth exceeded ${MAX_DEPTH}`);
  for (const name of fs.readdirSync(path)) {
    const file = join(path, name);
    const key = prefix === '' ? name : prefix + '.' + name;
    const kind = fs.statSync(file, { throwIfNoEntry: false });
    // It went away between listing and reading, as a swap does.
    if (kind === undefined) continue;
    if (kind.isDirectory()) readDirectory(file, key, depth + 1, into);
    else if (kind.isFile()) {
      into[key] = fs
        .readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => !line.startsWith('#'))
        .join('\n')
        .trimEnd();
    }
  }
}
