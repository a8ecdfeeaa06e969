/** The process as the live page sees it. */
import type { JsonObject } from '../admin/api.ts';
import type { ClusterCatalog } from '../cluster/catalog.ts';
import { mergedHosts } from '../cluster/status.ts';
import type { LivePage } from '../page/live-page.ts';
import type { CertificatePart, ServerPart } from '../page/snapshot.ts';
import type { PageSource } from '../page/source.ts';
import type { WorkerSample } from '../page/worker/recorder.ts';
import { residentBytes } from '../runtime/memory.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { LiveResources } from './live-resources.ts';
import type { WorkerCall } from './messages.ts';
import type { Server } from './server.ts';
import { packageVersion } from './version.ts';

export interface PageParts {
  readonly resources: LiveResources;
  readonly catalog: ClusterCatalog;
  readonly runtime: RuntimeSnapshot;
  /** [health checks are failed, listeners are drained] as asked for. */
  drainState(): readonly [boolean, boolean];
}

export class ServerPage {
  readonly #server: Server;
  readonly #parts: PageParts;
  #loading: Promise<LivePage> | null = null;
  #page: LivePage | null = null;
  #closed = false;
  #watching: Extract<WorkerCall, { kind: 'watch-requests' }> | null = null;

  constructor(server: Server, parts: PageParts) {
    this.#server = server;
    this.#parts = parts;
  }

  /** Begins to keep the history; the rest waits for viewers. */
  async live(): Promise<LivePage | null> {
    if (this.#closed) return null;
    this.#loading ??= import('../page/live-page.ts').then(({ LivePage }) => {
      this.#page = new LivePage(this.#source());
      return this.#page;
    });
    const page = await this.#loading;
    if (this.#closed) page.close();
    return page;
  }

  close(): void {
    this.#closed = true;
    this.#page?.close();
  }

  /** What a worker that starts now must be told. */
  standing(): readonly WorkerCall[] {
    return this.#watching === null ? [] : [this.#watching];
  }

  #source(): PageSource {
    const server = this.#server;
    const { resources, catalog, runtime } = this.#parts;
    const clusters = server.clusters!;
    const { clock } = server;
    return {
      ...{ clock, stats: server.stats, slab: server.workers.slab, runtime, catalog },
      instance: `${Math.round(clock.wallMs() - (clock.nowMs() - server.startedMs)).toString(36)}`,
      server: () => this.#serverPart(),
      version: () => resources.version,
      listeners: () => resources.listenerSettings(),
      addressesOf: (name) => server.listenerStatus.find((listener) => listener.name === name)?.addresses ?? [],
      routeTable: (name) => resources.routeTable(name),
      addedViaApi: (cluster) => clusters.wasAddedViaApi(cluster),
      discoveredHosts: (cluster) => clusters.discoveredHosts(cluster),
      ownHosts: (cluster) => mergedHosts(server.ownHosts, cluster),
      outlier: (cluster) => clusters.outliers.view(cluster),
      certificates: () => (server.certificates?.list(clock.wallMs()) ?? []).flatMap(certificateParts),
      sampleWorkers: () => this.#sample(),
      watch: (counting, anew, slowMs) => {
        this.#watching = counting ? { kind: 'watch-requests', counting, anew: false, slowMs } : null;
        const told = server.workers.tell({ kind: 'watch-requests', counting, anew, slowMs });
        told.catch((error: Error) => server.logger.error('watch-requests failed', { error: error.message }));
      },
    };
  }

  async #sample(): Promise<readonly WorkerSample[]> {
    if (this.#server.clusters?.hasOwnHosts === true) await this.#server.refresh();
    try {
      return await this.#server.workers.query<WorkerSample>({ kind: 'page-sample' });
    } catch {
      // A worker is being replaced: what it has counted is lost.
      return [];
    }
  }

  #serverPart(): Omit<ServerPart, 'viewers' | 'slowMs'> {
    const server = this.#server;
    const levels = new Map<string, number>();
    for (const { level } of server.loggers.values()) levels.set(level, (levels.get(level) ?? 0) + 1);
    const [logLevel] = [...levels].reduce((most, entry) => (entry[1] > most[1] ? entry : most), ['info', 0] as [string, number]);
    const others = [...server.loggers].filter(([, { level }]) => level !== logLevel);
    const [healthCheckFailed, draining] = this.#parts.drainState();
    return {
      version: packageVersion(),
      state: server.state,
      uptimeS: Math.floor((server.clock.nowMs() - server.startedMs) / 1000),
      concurrency: server.workers.size,
      nodeId: server.config?.node.id ?? '',
      nodeCluster: server.config?.node.cluster ?? '',
      waitingFor: server.unreadyTargets().flatMap(({ targets }) => targets),
      healthCheckFailed,
      draining,
      logLevel,
      logLevels: Object.fromEntries(others.map(([name, { level }]) => [name, level])),
      memoryBytes: residentBytes(),
    };
  }
}

/** From envoy.admin.v3.Certificate's JSON. */
function certificateParts(context: JsonObject): CertificatePart[] {
  const { ca_cert: authorities, cert_chain: chain } = context as Record<'ca_cert' | 'cert_chain', readonly Record<string, unknown>[]>;
  const part = (kind: CertificatePart['kind'], certificate: Record<string, unknown>): CertificatePart => ({
    kind,
    path: String(certificate['path']),
    serialNumber: String(certificate['serial_number']),
    subjectAltNames: (certificate['subject_alt_names'] as readonly Record<string, string>[]).flatMap((name) => Object.values(name)),
    notBeforeWallMs: Date.parse(String(certificate['valid_from'])),
    notAfterWallMs: Date.parse(String(certificate['expiration_time'])),
  });
  return [...authorities.map((c) => part('ca', c)), ...chain.map((c) => part('chain', c))];
}
