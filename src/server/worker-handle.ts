/** The control thread's side of one worker thread: calls with answers, and word of its end. */
import { Worker } from 'node:worker_threads';
import type { LogRecord } from '../runtime/logger.ts';
import { codeUrl } from '../runtime/package-root.ts';
import { sleep } from '../runtime/sleep.ts';
import type { StatsAnnouncement } from '../stats/announcement.ts';
import type { ThreadUsage } from '../stats/process-metrics.ts';
import type { FromWorker, HandOver, WorkerCall, WorkerData, WorkerNews } from './messages.ts';

/** The thread is not there any more; what it was to do may be asked of its successor. */
export class WorkerEnded extends Error {
  constructor() {
    super('the worker has ended');
  }
}

export interface WorkerEvents {
  onStats(announcement: StatsAnnouncement): void;
  onLog(record: LogRecord): void;
  onNews(news: WorkerNews): void;
  onHandOver(connection: HandOver): void;
  /** The thread ended without being asked to. */
  onCrash(error: Error | null): void;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** MiB of V8's young generation in a worker. Streams die young: a small one stays in the cache, and in memory. */
const YOUNG_GENERATION_MB = 6;
/** For a thread to write out its logs when it is told to end. */
const SHUTDOWN_MS = 2000;

export class WorkerHandle {
  readonly data: WorkerData;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #stopping = false;
  #ended = false;

  constructor(data: WorkerData, events: WorkerEvents) {
    this.data = data;
    this.#worker = new Worker(codeUrl('server/worker-thread.ts'), {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    let failure: Error | null = null;
    this.#worker.on('message', (message: FromWorker) => {
      if (message.kind === 'stats') {
        events.onStats(message.announcement);
        return;
      }
      if (message.kind === 'log') {
        events.onLog(message.record);
        return;
      }
      if (message.kind === 'hand-over') {
        events.onHandOver(message);
        return;
      }
      if (message.kind !== 'done') {
        events.onNews(message);
        return;
      }
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error === null) waiting?.resolve(message.result);
      else waiting?.reject(new Error(message.error));
    });
    this.#worker.on('error', (error: Error) => {
      failure = error;
    });
    this.#worker.on('exit', () => {
      this.#ended = true;
      for (const waiting of this.#waiting.values()) waiting.reject(new WorkerEnded());
      this.#waiting.clear();
      if (!this.#stopping) events.onCrash(failure);
    });
  }

  /** Rejects with the worker's own words if it could not do it. */
  call<T>(call: WorkerCall): Promise<T> {
    if (this.#ended) return Promise.reject(new WorkerEnded());
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#worker.postMessage({ ...call, id });
    });
  }

  /** Null if the thread has ended. It is interrupted for microseconds. */
  async usage(): Promise<Omit<ThreadUsage, 'name'> | null> {
    if (this.#ended) return null;
    try {
      const { active, idle } = this.#worker.performance.eventLoopUtilization();
      const [cpu, heap] = await Promise.all([this.#worker.cpuUsage(), this.#worker.getHeapStatistics()]);
      return {
        cpuSeconds: (cpu.user + cpu.system) / 1e6,
        activeSeconds: active / 1000,
        idleSeconds: idle / 1000,
        heapBytes: heap.used_heap_size,
      };
    } catch {
      return null;
    }
  }

  /** Flushes what is buffered and ends the thread. */
  async stop(): Promise<void> {
    this.#stopping = true;
    // A thread that does not answer is ended all the same.
    await Promise.race([this.call({ kind: 'shutdown' }).catch(() => undefined), sleep(SHUTDOWN_MS)]);
    await this.#worker.terminate();
  }
}
