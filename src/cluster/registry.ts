/** The control thread's book of clusters: packed settings, and the ids by which threads find a cluster's shared numbers. */
import { CatalogBuilder, ClusterCatalog, type PackedCluster, packSettings } from './catalog.ts';
import type { ClusterSettings } from './settings.ts';

export class ClusterRegistry {
  readonly catalog: ClusterCatalog;
  /** What workers start from: hand it over without copying. Later changes reach them as PackedCluster. */
  readonly block: SharedArrayBuffer;
  #nextId: number;

  /** @param clusters consumed one by one, so that a generator keeps only one of them in memory */
  constructor(clusters: Iterable<ClusterSettings>) {
    const builder = new CatalogBuilder();
    for (const settings of clusters) builder.add(settings);
    this.block = builder.finish();
    this.catalog = new ClusterCatalog(this.block);
    this.#nextId = builder.nextId;
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

  /** Everything as it is now, for a worker that starts later: `block` alone while nothing has changed. */
  snapshot(): { readonly block: SharedArrayBuffer; readonly changed: readonly PackedCluster[]; readonly removed: readonly string[] } {
    const start = new ClusterCatalog(this.block);
    const changed: PackedCluster[] = [];
    for (const name of this.catalog.names()) {
      const now = this.catalog.get(name)!;
      if (start.get(name)?.id !== now.id) changed.push(now);
    }
    const removed = [...start.names()].filter((name) => !this.catalog.has(name));
    return { block: this.block, changed, removed };
  }
}
