/** Tells what has come, changed or gone since viewers were told last. */
import type { CertificatePart, PageChanges } from '../snapshot.ts';

interface Parts {
  readonly listeners: readonly PageChanges['listeners'][number][];
  readonly routes: readonly PageChanges['routes'][number][];
  readonly clusters: readonly PageChanges['clusters'][number][];
  readonly edges: readonly PageChanges['edges'][number][];
  readonly certificates: readonly CertificatePart[];
}

export class ChangeTeller {
  #told = new Map<number, object>();
  #certificates = '';

  /** @returns null if all is as it was told before */
  changes(now: Parts): PageChanges | null {
    const before = this.#told;
    const told = new Map<number, object>();
    const news = <P extends { readonly id: number }>(parts: readonly P[]): P[] =>
      parts.filter((part) => {
        const known = before.get(part.id);
        before.delete(part.id);
        const same = known === part || (known !== undefined && JSON.stringify(known) === JSON.stringify(part));
        told.set(part.id, same ? known : part);
        return !same;
      });
    const listeners = news(now.listeners);
    const routes = news(now.routes);
    const clusters = news(now.clusters);
    const edges = news(now.edges);
    const removed = [...before.keys()];
    this.#told = told;
    const text = JSON.stringify(now.certificates);
    const certificates = text === this.#certificates ? null : now.certificates;
    this.#certificates = text;
    if (listeners.length + routes.length + clusters.length + edges.length + removed.length === 0 && certificates === null) return null;
    return { listeners, routes, clusters, edges, removed, certificates };
  }
}
