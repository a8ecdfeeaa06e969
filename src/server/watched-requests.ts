/** A worker's side of the live page: what is said of its requests. Loaded with the first request that failed or was slow, or the first viewer. */
import type { ClusterManager } from '../cluster/api.ts';
import { RequestWatch } from '../filters/request-watch.ts';
import type { Recorder, WorkerSample } from '../page/worker/recorder.ts';
import type { Clock } from '../runtime/clock.ts';

/** Until the control thread knows better. */
const SLOW_MS = 1000;

export class WatchedRequests {
  readonly watching: RequestWatch;
  readonly #worker: number;
  readonly #clock: Clock;
  readonly #clusters: ClusterManager;
  #recorder: Recorder | null = null;

  constructor(worker: number, clock: Clock, clusters: ClusterManager) {
    this.#worker = worker;
    this.#clock = clock;
    this.#clusters = clusters;
    this.watching = new RequestWatch(SLOW_MS, () => this.#load());
  }

  async watch(counting: boolean, anew: boolean, slowMs: number): Promise<void> {
    if (counting || this.#recorder !== null) {
      await this.watching.recorder();
      this.#recorder!.slowMs = slowMs;
      this.#recorder!.count(counting, anew);
    }
    this.watching.limitMs = counting ? -1 : slowMs;
  }

  /** null: nothing has been noted so far, and nothing is counted. */
  sample(): WorkerSample | null {
    return this.#recorder?.take() ?? null;
  }

  async #load(): Promise<Recorder> {
    const [{ Recorder }, { nearestName }] = await Promise.all([import('../page/worker/recorder.ts'), import('../config/suggest.ts')]);
    this.#recorder ??= new Recorder(SLOW_MS, { worker: this.#worker, clock: this.#clock, clusters: this.#clusters, nearest: nearestName });
    return this.#recorder;
  }
}
