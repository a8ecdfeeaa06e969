/** Log services on one worker, reached through its clusters. */
import { ServiceLogs } from '../access-log/service-loggers.ts';
import type { FilterDeps } from '../filters/api.ts';
import { AsyncClient } from '../filters/http/router/async-client.ts';
import { sleep } from '../runtime/sleep.ts';
import { nextTurn } from '../runtime/turn.ts';

/** For the last entries to reach their services when the worker is told to end. */
const CLOSE_MS = 1000;

export class WorkerServiceLogs {
  readonly logs: ServiceLogs;
  readonly #client: AsyncClient;

  constructor(deps: FilterDeps) {
    this.#client = new AsyncClient(deps);
    const { clock, rootScope, localInfo } = deps;
    const format = deps.logFormat ?? deps.format;
    this.logs = new ServiceLogs({ clock, rootScope, format, localInfo, node: localInfo.node, client: this.#client });
  }

  async close(): Promise<void> {
    this.logs.close();
    const answered = async (): Promise<void> => {
      while (this.#client.active > 0) await nextTurn();
    };
    await Promise.race([answered(), sleep(CLOSE_MS)]);
  }
}
