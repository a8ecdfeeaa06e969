/** The runtime layers in force: static ones, disk directories and the admin's overrides, later ones winning. Source: envoy.config.bootstrap.v3.LayeredRuntime. */
import { join } from 'node:path';
import { fs } from '../runtime/node-module.ts';
import type { RuntimeLayerSettings } from './compiled.ts';

export interface RuntimeEntry {
  readonly layerValues: readonly string[];
  readonly finalValue: string;
}

export class RuntimeLayers {
  #layers: readonly RuntimeLayerSettings[];
  readonly #serviceCluster: string;
  readonly #adminValues = new Map<string, string>();
  /** How often what readers see was put together. */
  loads = 1;

  constructor(layers: readonly RuntimeLayerSettings[], serviceCluster: string) {
    // Without layers Envoy has one admin layer that answers nothing; overrides need a configured one.
    this.#layers = layers;
    this.#serviceCluster = serviceCluster;
  }

  /** Other layers; the admin's overrides stay. */
  replace(layers: readonly RuntimeLayerSettings[]): void {
    this.#layers = layers;
    this.loads++;
  }

  get names(): string[] {
    return this.#layers.map((layer) => layer.name);
  }

  get hasAdminLayer(): boolean {
    return this.#layers.some((layer) => layer.kind === 'admin');
  }

  get overrides(): number {
    return this.#adminValues.size;
  }

  /** An empty value takes the override back. */
  override(key: string, value: string): void {
    this.loads++;
    if (value === '') this.#adminValues.delete(key);
    else this.#adminValues.set(key, value);
  }

  /** What readers see, by key. */
  values(): Record<string, string> {
    const values: Record<string, string> = {};
    for (const layer of this.#layers) Object.assign(values, this.#read(layer));
    return values;
  }

  entries(): Record<string, RuntimeEntry> {
    const read = this.#layers.map((layer) => this.#read(layer));
    const keys = new Set(read.flatMap((values) => Object.keys(values)));
    const entries: Record<string, RuntimeEntry> = {};
    for (const key of [...keys].sort()) {
      const layerValues = read.map((values) => values[key] ?? '');
      entries[key] = { layerValues, finalValue: layerValues.findLast((value) => value !== '') ?? '' };
    }
    return entries;
  }

  #read(layer: RuntimeLayerSettings): Readonly<Record<string, string>> {
    if (layer.kind === 'static') return layer.values;
    if (layer.kind === 'admin') return Object.fromEntries(this.#adminValues);
    const root = join(layer.symlinkRoot, layer.subdirectory, layer.appendServiceCluster ? this.#serviceCluster : '');
    const values: Record<string, string> = {};
    readDirectory(root, '', values);
    return values;
  }
}

/** A file is a key, a directory a dotted prefix; lines that start with '#' are comments. A directory that is not there is empty. */
function readDirectory(path: string, prefix: string, into: Record<string, string>): void {
  let names: string[];
  try {
    names = fs.readdirSync(path);
  } catch {
    return;
  }
  for (const name of names) {
    if (name.startsWith('.')) continue;
    const file = join(path, name);
    const key = prefix === '' ? name : prefix + '.' + name;
    try {
      if (fs.statSync(file).isDirectory()) readDirectory(file, key, into);
      else
        into[key] = fs
          .readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => !line.startsWith('#'))
          .join('\n')
          .trim();
    } catch {
      // It went away between listing and reading, as a swap does.
    }
  }
}
