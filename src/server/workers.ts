/** All workers of the process: started, told the same things, and replaced when one dies. */
import { SharedSlab } from '../lb/shared-slab.ts';
import type { ListenerStatus } from '../listener/listener-manager.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import { createLogger, type Logger } from '../runtime/logger.ts';
import { writeRecord } from '../runtime/posted-logger.ts';
import { sleep } from '../runtime/sleep.ts';
import type { StatsAggregate, ThreadStats } from '../stats/aggregate.ts';
import type { WorkerCall, WorkerConfiguration, WorkerData } from './messages.ts';
import { WorkerHandle } from './worker-handle.ts';

/** Cells for listeners' connection counts; the first is the global one. */
const COUNT_CELLS = 4096;
/** Between a worker's death and its successor: one that dies at once must not take a whole core. */
const RESTART_DELAY_MS = 200;

export interface WorkersOptions extends Omit<WorkerData, 'index' | 'slab' | 'ledger' | 'connectionCounts'> {
  readonly concurrency: number;
  readonly logPath: string | null;
}

interface Slot {
  handle: WorkerHandle;
  stats: ThreadStats;
  ledger: SharedArrayBuffer;
}

export class Workers {
  readonly slab: SharedSlab;
  readonly #options: WorkersOptions;
  readonly #stats: StatsAggregate;
  readonly #logger: Logger;
  readonly #counts = new SharedArrayBuffer(COUNT_CELLS * 4);
  readonly #slots: Slot[] = [];
  /** What a new worker must be told to be like the others. */
  #configuration: WorkerConfiguration | null = null;
  readonly #listeners = new Map<string, { settings: ListenerSettings; countCell: number }>();
  /** What a worker that starts now must be told besides the first configuration, to be like the others. */
  replay: () => readonly WorkerCall[] = () => [];
  #nextCountCell = 1;
  #serving = false;
  #stopping = false;

  constructor(options: WorkersOptions, stats: StatsAggregate, logger: Logger) {
    this.#options = options;
    this.#stats = stats;
    this.#logger = logger;
    this.slab = SharedSlab.create();
  }

  start(): void {
    for (let i = 0; i < this.#options.concurrency; i++) this.#slots.push(this.#spawn(i));
  }

  get size(): number {
    return this.#slots.length;
  }

  async configure(configuration: WorkerConfiguration): Promise<void> {
    this.#configuration = configuration;
    await this.#all({ kind: 'configure', configuration });
  }

  async tell(call: WorkerCall): Promise<void> {
    await this.#all(call);
  }

  /**
   * The first worker opens the sockets, so that port 0 becomes a port; the others join it there.
   * @throws the first worker's words; nothing has changed then
   */
  async setListener(key: string, settings: ListenerSettings): Promise<void> {
    const known = this.#listeners.get(key);
    const countCell = known?.countCell ?? this.#nextCountCell++;
    await this.#slots[0]!.handle.call({ kind: 'set-listener', key, countCell, settings });
    const status = (await this.listenerStatus()).find((listener) => listener.key === key);
    const bound = status === undefined ? settings : withPorts(settings, status.addresses);
    this.#listeners.set(key, { settings: bound, countCell });
    await Promise.all(this.#slots.slice(1).map((slot) => slot.handle.call({ kind: 'set-listener', key, countCell, settings: bound })));
  }

  /** Everything is there: connections that were held are served, and all that follow. */
  async serveConnections(): Promise<void> {
    this.#serving = true;
    await this.#all({ kind: 'serve-connections' });
  }

  async removeListener(key: string): Promise<void> {
    this.#listeners.delete(key);
    await this.#all({ kind: 'remove-listener', key });
  }

  listenerStatus(): Promise<ListenerStatus[]> {
    return this.#slots[0]!.handle.call<ListenerStatus[]>({ kind: 'listener-status' });
  }

  /** What any worker can answer, since all run the same. */
  ask<T>(call: WorkerCall): Promise<T> {
    return this.#slots[0]!.handle.call<T>(call);
  }

  /** One answer a worker. */
  query<T>(call: WorkerCall): Promise<T[]> {
    return Promise.all(this.#slots.map((slot) => slot.handle.call<T>(call)));
  }

  async connectionCount(): Promise<number> {
    const counts = await this.query<number>({ kind: 'connection-count' });
    return counts.reduce((a, b) => a + b, 0);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#slots.map((slot) => slot.handle.stop()));
  }

  async #all(call: WorkerCall): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.handle.call(call)));
  }

  #spawn(index: number): Slot {
    const stats = this.#stats.addThread();
    const ledger = this.slab.newLedger();
    const data: WorkerData = { ...this.#options, index, slab: this.slab.buffer, ledger, connectionCounts: this.#counts };
    // A worker leaves out what is below its level.
    const logger = createLogger(`worker-${index}`, 'trace', this.#options.logPath);
    const handle = new WorkerHandle(data, {
      onLog: (record) => writeRecord(logger, record),
      onStats: (announcement) => stats.accept(announcement),
      onCrash: (error) => void this.#replace(index, error),
    });
    return { handle, stats, ledger };
  }

  async #replace(index: number, error: Error | null): Promise<void> {
    if (this.#stopping) return;
    this.#logger.error('a worker died; starting another', { worker: index, error: error?.stack ?? 'unknown' });
    this.#slots[index]!.stats.retire();
    this.slab.reclaim(this.#slots[index]!.ledger);
    await sleep(RESTART_DELAY_MS);
    if (this.#stopping) return;
    const slot = this.#spawn(index);
    this.#slots[index] = slot;
    if (this.#configuration === null) return;
    await slot.handle.call({ kind: 'configure', configuration: this.#configuration });
    for (const call of this.replay()) await slot.handle.call(call);
    for (const [key, listener] of this.#listeners) await slot.handle.call({ kind: 'set-listener', key, ...listener });
    if (this.#serving) await slot.handle.call({ kind: 'serve-connections' });
  }
}

function withPorts(settings: ListenerSettings, bound: readonly string[]): ListenerSettings {
  return {
    ...settings,
    addresses: settings.addresses.map((address, i) => {
      const text = bound[i];
      if (address.kind === 'pipe' || address.port !== 0 || text === undefined) return address;
      return { ...address, port: Number(text.slice(text.lastIndexOf(':') + 1)) };
    }),
  };
}
