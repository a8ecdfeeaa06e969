/** All workers of the process: started, told the same things, and replaced when one dies. */
import { SharedSlab } from '../lb/shared-slab.ts';
import { SharedConnectionCount } from '../listener/connection-count.ts';
import type { ListenerStatus } from '../listener/listener-manager.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import type { Logger, Loggers } from '../runtime/logger.ts';
import { newOverloadCells } from '../runtime/overload.ts';
import type { StatsAggregate } from '../stats/aggregate.ts';
import type { ThreadUsage } from '../stats/process-metrics.ts';
import { likelyExtensions } from './likely-extensions.ts';
import type { WorkerCall, WorkerConfiguration, WorkerData, WorkerNews } from './messages.ts';
import type { ServerOptions } from './options.ts';
import { type SlotOwner, type WorkerEquipment, WorkerSlot } from './worker-slot.ts';

/** Cells for listeners' connection counts; the first is the global one. */
const COUNT_CELLS = 4096;

export interface WorkersOptions
  extends Omit<WorkerData, 'index' | 'slab' | 'ledger' | 'connectionCounts' | 'connectionLedger' | 'overload'> {
  readonly concurrency: number;
}

export class Workers implements SlotOwner {
  readonly slab: SharedSlab;
  readonly overload = newOverloadCells();
  readonly #options: WorkersOptions;
  readonly #stats: StatsAggregate;
  readonly #loggers: Loggers;
  readonly #logger: Logger;
  readonly #counts = new Int32Array(new SharedArrayBuffer(COUNT_CELLS * 4));
  readonly #slots: WorkerSlot[] = [];
  /** What a new worker must be told to be like the others. */
  #configuration: WorkerConfiguration | null = null;
  readonly #listeners = new Map<string, { settings: ListenerSettings; countCell: number }>();
  /** What a worker that starts now must be told of clusters and routes, before it gets the listeners. */
  resources: () => readonly WorkerCall[] = () => [];
  /** And of drains and the like, after it. */
  processState: () => readonly WorkerCall[] = () => [];
  /** What a worker tells of itself. */
  onNews: (news: WorkerNews) => void = () => undefined;
  #nextCountCell = 1;
  #serving = false;

  constructor(options: WorkersOptions, stats: StatsAggregate, loggers: Loggers) {
    this.#options = options;
    this.#stats = stats;
    this.#loggers = loggers;
    this.#logger = loggers.component('main');
    this.slab = SharedSlab.create();
  }

  /** While the configuration is compiled, workers load what it will probably need. */
  start({ configPath, configYaml }: Pick<ServerOptions, 'configPath' | 'configYaml'>): void {
    const likely = likelyExtensions(configPath, configYaml);
    for (let i = 0; i < this.#options.concurrency; i++) {
      const slot = new WorkerSlot(i, this);
      this.#slots.push(slot);
      // What cannot be loaded is said when it is needed.
      slot.tell({ kind: 'prepare', likely }).catch(() => undefined);
    }
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
    const countCell = known?.countCell ?? this.#newCountCell();
    await this.#slots[0]!.ask({ kind: 'set-listener', key, countCell, settings });
    const status = (await this.listenerStatus()).find((listener) => listener.key === key);
    const bound = status === undefined ? settings : withPorts(settings, status.addresses);
    this.#listeners.set(key, { settings: bound, countCell });
    await Promise.all(this.#slots.slice(1).map((slot) => slot.tell({ kind: 'set-listener', key, countCell, settings: bound })));
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
    return this.ask<ListenerStatus[]>({ kind: 'listener-status' });
  }

  /** What any worker can answer, since all run the same. */
  ask<T>(call: WorkerCall): Promise<T> {
    return this.#slots[0]!.ask<T>(call);
  }

  /** One answer of each worker that is there. */
  async query<T>(call: WorkerCall): Promise<T[]> {
    const answers = await Promise.all(this.#slots.map((slot) => slot.askNow<T>(call)));
    return answers.filter((answer) => answer !== null);
  }

  /** Open connections that count against the limit on all of them. */
  get countedConnections(): number {
    return Atomics.load(this.#counts, 0);
  }

  /** Of the threads that are there. */
  async usage(): Promise<ThreadUsage[]> {
    const usages = await Promise.all(this.#slots.map((slot) => slot.usage()));
    return usages.filter((usage) => usage !== null);
  }

  /** @param which 'leaving-count' = of listeners and filter chains that are not in force any more */
  async connectionCount(which: 'connection-count' | 'leaving-count' = 'connection-count'): Promise<number> {
    const counts = await this.query<number>({ kind: which });
    return counts.reduce((a, b) => a + b, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.stop()));
  }

  // ── what the slots ask ──

  equip(index: number): WorkerEquipment {
    const stats = this.#stats.addThread();
    const ledger = this.slab.newLedger();
    const connectionLedger = new SharedArrayBuffer(COUNT_CELLS * 4);
    const connectionCounts = this.#counts.buffer;
    return {
      data: { ...this.#options, index, slab: this.slab.buffer, ledger, connectionCounts, connectionLedger, overload: this.overload },
      // A worker leaves out what is below its level.
      onLog: (record) => this.#loggers.sink({ ...record, fields: { worker: index, ...record.fields } }),
      onStats: (announcement) => stats.accept(announcement),
      onNews: (news) => this.onNews(news),
      onHandOver: ({ to, key, fd, listenPath }) => void this.#slots[to]?.tell({ kind: 'take-connection', key, fd, listenPath }),
      reclaim: () => {
        stats.retire();
        this.slab.reclaim(ledger);
        SharedConnectionCount.reclaim(this.#counts, new Int32Array(connectionLedger));
      },
    };
  }

  replay(): WorkerCall[] {
    const calls: WorkerCall[] = [];
    if (this.#configuration === null) return calls;
    calls.push({ kind: 'configure', configuration: this.#configuration }, ...this.resources());
    for (const [key, listener] of this.#listeners) calls.push({ kind: 'set-listener', key, ...listener });
    calls.push(...this.processState());
    if (this.#serving) calls.push({ kind: 'serve-connections' });
    return calls;
  }

  onDeath(index: number, error: Error | null): void {
    this.#logger.error('a worker died: its connections are closed, another is started', {
      worker: index,
      error: error?.stack ?? 'unknown',
    });
  }

  onReplayFailed(index: number, call: WorkerCall, error: Error): void {
    this.#logger.error('a new worker could not be brought to the state of the others', {
      worker: index,
      what: call.kind,
      error: error.message,
    });
  }

  async #all(call: WorkerCall): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.tell(call)));
  }

  /** A cell that no listener uses, and no connection of one that was removed. */
  #newCountCell(): number {
    if (this.#nextCountCell < COUNT_CELLS) return this.#nextCountCell++;
    const used = new Set(Array.from(this.#listeners.values(), ({ countCell }) => countCell));
    for (let cell = 1; cell < COUNT_CELLS; cell++) if (!used.has(cell) && Atomics.load(this.#counts, cell) === 0) return cell;
    throw new Error(`more than ${COUNT_CELLS - 1} listeners`);
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
