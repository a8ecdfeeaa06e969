/** A worker that has the configuration and no sockets: what `outrider explain` asks. */
import { SharedSlab } from '../../lb/shared-slab.ts';
import type { FilterChainSettings, ListenerSettings } from '../../listener/settings.ts';
import { newOverloadCells } from '../../runtime/overload.ts';
import type { CompiledConfig } from '../compiled.ts';
import { localInfo, ownPlace } from '../local-info.ts';
import type { ToWorker, WorkerCall, WorkerData } from '../messages.ts';
import { RuntimeLayers } from '../runtime-layers.ts';
import { WorkerServer } from '../worker-server.ts';
import type { ExplainAnswer } from './explanation.ts';
import type { WholeConfig } from './files.ts';
import type { ExplainQuestion } from './question.ts';

export async function explainOffline(
  compiled: CompiledConfig,
  whole: WholeConfig,
  questions: readonly ExplainQuestion[],
): Promise<readonly ExplainAnswer[]> {
  const slab = SharedSlab.create();
  const data: WorkerData = {
    // Not the first worker: that one opens every socket, the others only those that can be opened twice.
    index: 1,
    slab: slab.buffer,
    ledger: slab.newLedger(),
    connectionCounts: new SharedArrayBuffer((whole.listeners.length + 1) * 4),
    connectionLedger: new SharedArrayBuffer((whole.listeners.length + 1) * 4),
    overload: newOverloadCells(),
    ticketKey: new Uint8Array(48),
    drainStrategy: 'immediate',
    drainTimeMs: 0,
    fileFlushIntervalMs: 10_000,
    redactHeaders: [],
    logLevel: 'error',
    logLevels: {},
  };
  const worker = new WorkerServer(data, () => undefined);
  const tell = (call: WorkerCall) => worker.handle({ ...call, id: 0 } satisfies ToWorker);
  await tell({
    kind: 'configure',
    configuration: {
      localInfo: localInfo(compiled.node, 'v4'),
      runtime: new RuntimeLayers(compiled.runtimeLayers, compiled.node.cluster).values(),
      place: ownPlace(compiled.node, compiled.localClusterName),
      clusters: whole.clusters,
      stats: compiled.stats,
      tracer: compiled.tracer,
      routeTables: whole.routeTables,
      overload: null,
    },
  });
  for (const update of whole.hosts) await tell({ kind: 'set-hosts', update });
  for (const [i, listener] of whole.listeners.entries())
    await tell({ kind: 'set-listener', key: listener.name, countCell: i + 1, settings: withoutSideEffects(listener) });
  return (await tell({ kind: 'explain', questions })) as readonly ExplainAnswer[];
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
