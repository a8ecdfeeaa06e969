/** What is in force of the resources that come from files, and what has been refused: where one turns bad its predecessor serves on, and `/config_dump` shows both. */
import type { ClusterCatalog } from '../cluster/catalog.ts';
import type { CompiledResource, ResourceKind } from './load-resources.ts';

/** A resource in force. Plain data. */
export interface ResourceInForce {
  readonly kind: ResourceKind;
  readonly name: string;
  /** Of the file that it came with; one that comes again as it was keeps it. */
  readonly version: string;
  readonly updatedMs: number;
  /** The message in binary. */
  readonly encoded: Uint8Array;
}

/** What `/config_dump` tells of a refused resource. Plain data. */
export interface RefusedResource {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly details: string;
  readonly lastUpdateAttemptMs: number;
  /** null: it could not be read. */
  readonly encoded: Uint8Array | null;
}

/** What `/config_dump` shows of dynamic resources. Plain data. */
export interface DynamicDump {
  readonly inForce: readonly ResourceInForce[];
  readonly refused: readonly RefusedResource[];
  /** Of the last file of a kind that could be read. */
  readonly versions: Readonly<Partial<Record<ResourceKind, string>>>;
}

export const EMPTY_DUMP: DynamicDump = Object.freeze({ inForce: [], refused: [], versions: {} });

interface Kept extends ResourceInForce {
  /** null: of a cluster, whose settings the catalog has. */
  readonly resource: CompiledResource | null;
}

export class ResourceBook {
  readonly #catalog: ClusterCatalog;
  readonly #inForce = new Map<string, Kept>();
  readonly #refused = new Map<string, RefusedResource>();
  readonly #versions: Partial<Record<ResourceKind, string>> = {};

  constructor(catalog: ClusterCatalog) {
    this.#catalog = catalog;
  }

  /** What is in force under that name. */
  get(kind: ResourceKind, name: string): CompiledResource | null {
    const known = this.#inForce.get(keyOf(kind, name));
    if (known === undefined || known.resource !== null) return known?.resource ?? null;
    const settings = this.#catalog.settings(name);
    return settings === null ? null : { name, settings, encoded: known.encoded, problems: [] };
  }

  /** A file could be read. @param names of its resources; of listeners and clusters it is the whole state */
  begin(kind: ResourceKind, version: string, names: readonly string[]): void {
    this.#versions[kind] = version;
    if (kind === 'listeners' || kind === 'clusters') this.keepOnly(kind, new Set(names));
  }

  accept(kind: ResourceKind, resource: CompiledResource, version: string, updatedMs: number): void {
    const { name, encoded } = resource;
    const key = keyOf(kind, name);
    this.#refused.delete(key);
    const before = this.#inForce.get(key);
    const same = before !== undefined && Buffer.compare(before.encoded, encoded ?? NOTHING) === 0;
    const kept = kind === 'clusters' ? null : resource;
    if (same) this.#inForce.set(key, { ...before, resource: kept });
    else this.#inForce.set(key, { kind, name, version, updatedMs, encoded: encoded ?? NOTHING, resource: kept });
  }

  refuse(kind: ResourceKind, name: string, encoded: Uint8Array | null, details: string, nowMs: number): void {
    this.#refused.set(keyOf(kind, name), { kind, name, encoded, details, lastUpdateAttemptMs: nowMs });
  }

  forget(kind: ResourceKind, name: string): void {
    this.#inForce.delete(keyOf(kind, name));
    this.#refused.delete(keyOf(kind, name));
  }

  keepOnly(kind: ResourceKind, names: ReadonlySet<string>): void {
    for (const map of [this.#inForce, this.#refused])
      for (const [key, entry] of map) if (entry.kind === kind && !names.has(entry.name)) map.delete(key);
  }

  dump(): DynamicDump {
    const inForce = Array.from(this.#inForce.values(), ({ resource: _, ...entry }) => entry);
    return { inForce, refused: [...this.#refused.values()], versions: this.#versions };
  }
}

const NOTHING = new Uint8Array(0);

function keyOf(kind: ResourceKind, name: string): string {
  return kind + ' ' + name;
}
