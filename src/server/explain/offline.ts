/** A worker that has the configuration and no sockets: what `outrider explain` asks. */
import { ClusterCatalog } from '../../cluster/catalog.ts';
import { type HostUpdate, staticHosts } from '../../cluster/host-update.ts';
import { SharedSlab } from '../../lb/shared-slab.ts';
import type { FilterChainSettings, ListenerSettings } from '../../listener/settings.ts';
import type { CompiledConfig } from '../compiled.ts';
import { localInfo } from '../local-info.ts';
import type { ToWorker, WorkerCall, WorkerData } from '../messages.ts';
import { RuntimeLayers } from '../runtime-layers.ts';
import { WorkerServer } from '../worker-server.ts';
import type { ExplainAnswer } from './explanation.ts';
import type { ExplainQuestion } from './question.ts';

export async function explainOffline(compiled: CompiledConfig, questions: readonly ExplainQuestion[]): Promise<readonly ExplainAnswer[]> {
  const slab = SharedSlab.create();
  const data: WorkerData = {
    // Not the first worker: that one opens every socket, the others only those that can be opened twice.
    index: 1,
    slab: slab.buffer,
    ledger: slab.newLedger(),
    connectionCounts: new SharedArrayBuffer((compiled.listeners.length + 1) * 4),
    drainStrategy: 'immediate',
    drainTimeMs: 0,
    fileFlushIntervalMs: 10_000,
    logLevel: 'error',
    logPath: null,
  };
  const worker = new WorkerServer(data, () => undefined);
  const tell = (call: WorkerCall) => worker.handle({ ...call, id: 0 } satisfies ToWorker);
  await tell({
    kind: 'configure',
    configuration: {
      localInfo: localInfo(compiled.node, 'v4'),
      runtime: new RuntimeLayers(compiled.runtimeLayers, compiled.node.cluster).values(),
      localClusterName: compiled.localClusterName,
      clusters: compiled.clusters.block,
      stats: compiled.stats,
      routeTables: {},
    },
  });
  for (const update of namedHosts(compiled)) await tell({ kind: 'set-hosts', update });
  for (const [i, listener] of compiled.listeners.entries())
    await tell({ kind: 'set-listener', key: listener.name, countCell: i + 1, settings: withoutSideEffects(listener) });
  return (await tell({ kind: 'explain', questions })) as readonly ExplainAnswer[];
}

/** Hosts of DNS clusters by their names: nothing is resolved to explain a request. */
function* namedHosts({ clusters }: CompiledConfig): Generator<HostUpdate> {
  const catalog = new ClusterCatalog(clusters.block);
  for (const name of catalog.names()) {
    // STATIC is the default and is not written; thousands of static clusters are not parsed here.
    if (!catalog.get(name)!.json.includes('"type":')) continue;
    const settings = catalog.settings(name)!;
    if (settings.type === 'STRICT_DNS' || settings.type === 'LOGICAL_DNS') yield staticHosts(settings, catalog.id(name), -1, 0);
  }
}

/** No socket is opened, and no log file. */
function withoutSideEffects(listener: ListenerSettings): ListenerSettings {
  const quiet = (chain: FilterChainSettings): FilterChainSettings => ({
    ...chain,
    filters: chain.filters.map((filter) => ({ ...filter, settings: { ...(filter.settings as object), accessLogs: [] } })),
  });
  return {
    ...listener,
    reusePort: false,
    accessLogs: [],
    filterChains: listener.filterChains.map(quiet),
    defaultFilterChain: listener.defaultFilterChain === null ? null : quiet(listener.defaultFilterChain),
  };
}
