/** Puts the overload manager of a process together. */
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { collectGarbage, residentBytes, returnFreedMemory } from '../../runtime/memory.ts';
import { fs } from '../../runtime/node-module.ts';
import type { Overload } from '../../runtime/overload.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import type { StatsScope } from '../../stats/scope.ts';
import type { WorkerCall, WorkerOverloadSettings } from '../messages.ts';
import type { Workers } from '../workers.ts';
import { OverloadManager } from './overload-manager.ts';
import type { OverloadSettings } from './settings.ts';

export interface OverloadHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rootScope: StatsScope;
  readonly runtime: RuntimeSnapshot;
  readonly workers: Workers;
  tell(call: WorkerCall): void;
}

export function startOverloadManager(settings: OverloadSettings, host: OverloadHost): OverloadManager {
  const { clock, logger, rootScope, workers, runtime } = host;
  const manager = new OverloadManager(settings, {
    ...{ clock, logger, rootScope },
    cells: workers.overload,
    sources: {
      runtime,
      nowMs: () => clock.nowMs(),
      readFile: (path) => fs.readFileSync(path, 'utf8'),
      residentBytes,
      connections: () => workers.countedConnections,
    },
    effects: {
      holdConnections: (hold) => host.tell({ kind: 'hold-connections', hold }),
      shrinkHeap: () => {
        collectGarbage();
        // What the workers free now is given back the next time.
        host.tell({ kind: 'shrink-heap' });
        returnFreedMemory();
      },
      resetStreams: (minBytes) => host.tell({ kind: 'reset-streams', minBytes }),
    },
  });
  manager.start();
  return manager;
}

/** The part that workers need. */
export function workerOverload(settings: OverloadSettings | null): WorkerOverloadSettings | null {
  if (settings === null) return null;
  const points: Record<string, Overload> = {};
  for (const { name, cell } of settings.points) if (cell !== null) points[name] = cell;
  const connections = settings.monitors.find((monitor) => monitor.kind === 'connections');
  return {
    points,
    timers: settings.timers,
    refreshIntervalMs: settings.refreshIntervalMs,
    connections: connections === undefined ? null : { monitor: connections.name, max: connections.max },
  };
}
