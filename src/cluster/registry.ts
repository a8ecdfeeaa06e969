/** The control thread's book of clusters: packed settings, and the ids by which threads find a cluster's shared numbers. */
import { CatalogBuilder, ClusterCatalog, type PackedCluster, packSettings } from './catalog.ts';
import type { ClusterSettings } from './settings.ts';

export class ClusterRegistry {
  readonly catalog: ClusterCatalog;
  /** What workers start from: handed over without copying. Later changes reach them as PackedCluster. */
  readonly block: SharedArrayBuffer;
  #nextId: number;

  /** @param block @param nextId from the CatalogBuilder that packed the static clusters */
  constructor(block: SharedArrayBuffer, nextId: number) {
    this.block = block;
    this.catalog = new ClusterCatalog(block);
    this.#nextId = nextId;
  }

  /** @param clusters consumed one by one, so that a generator keeps only one of them in memory */
  static of(clusters: Iterable<ClusterSettings>): ClusterRegistry {
    const builder = new CatalogBuilder();
    for (const settings of clusters) builder.add(settings);
    return new ClusterRegistry(builder.finish(), builder.nextId);
  }

  /** What to tell workers about a new or changed cluster; null when nothing changed. */
  set(settings: ClusterSettings): PackedCluster | null {
    const json = packSettings(settings);
    if (this.catalog.get(settings.name)?.json === json) return null;
    const packed = { name: settings.name, id: this.#nextId++, json };
    this.catalog.set(packed);
    return packed;
  }

  /** False if there is no such cluster. */
  remove(name: string): boolean {
    return this.catalog.delete(name);
  }
}
