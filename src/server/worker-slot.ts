/** One place among the workers: the thread that fills it now, and, when that dies, its successor, which is brought to the same state. */
import type { LogRecord } from '../runtime/logger.ts';
import { sleep } from '../runtime/sleep.ts';
import type { StatsAnnouncement } from '../stats/announcement.ts';
import type { ThreadUsage } from '../stats/process-metrics.ts';
import type { HandOver, WorkerCall, WorkerData, WorkerNews } from './messages.ts';
import { WorkerEnded, WorkerHandle } from './worker-handle.ts';

/** Between a worker's death and its successor: one that dies at once must not take a whole core. */
const RESTART_DELAY_MS = 200;

/** What one thread is given, and what is to be done with it when the thread is gone. */
export interface WorkerEquipment {
  readonly data: WorkerData;
  onStats(announcement: StatsAnnouncement): void;
  onLog(record: LogRecord): void;
  onNews(news: WorkerNews): void;
  onHandOver(connection: HandOver): void;
  /** The thread died: its statistics are kept, its share of the common counts is given back. */
  reclaim(): void;
}

export interface SlotOwner {
  equip(index: number): WorkerEquipment;
  /** What a thread that starts now must be told to be like the others, first to last. */
  replay(): readonly WorkerCall[];
  onDeath(index: number, error: Error | null): void;
  onReplayFailed(index: number, call: WorkerCall, error: Error): void;
}

export class WorkerSlot {
  readonly #index: number;
  readonly #owner: SlotOwner;
  #equipment: WorkerEquipment;
  #handle: WorkerHandle;
  /** Told while there was no thread that could do it; null = there is one. */
  #backlog: WorkerCall[] | null = null;
  #ready: Promise<void> = Promise.resolve();
  #becomeReady: () => void = () => undefined;
  #stopping = false;

  constructor(index: number, owner: SlotOwner) {
    this.#index = index;
    this.#owner = owner;
    this.#equipment = owner.equip(index);
    this.#handle = this.#spawn();
  }

  /** Something that holds from now on: if the thread dies of it or before it, its successor is told. */
  async tell(call: WorkerCall): Promise<void> {
    if (this.#backlog !== null) {
      this.#backlog.push(call);
      return;
    }
    try {
      await this.#handle.call(call);
    } catch (error) {
      if (!(error instanceof WorkerEnded)) throw error;
      (this.#backlog as WorkerCall[] | null)?.push(call);
    }
  }

  /** A question, asked again of the successor if need be. */
  async ask<T>(call: WorkerCall): Promise<T> {
    for (;;) {
      await this.#ready;
      try {
        return await this.#handle.call<T>(call);
      } catch (error) {
        if (!(error instanceof WorkerEnded) || this.#stopping) throw error;
      }
    }
  }

  /** A question to the thread that is there now. @returns null if there is none */
  async askNow<T>(call: WorkerCall): Promise<T | null> {
    if (this.#backlog !== null) return null;
    try {
      return await this.#handle.call<T>(call);
    } catch (error) {
      if (error instanceof WorkerEnded) return null;
      throw error;
    }
  }

  async usage(): Promise<ThreadUsage | null> {
    const usage = await this.#handle.usage();
    return usage === null ? null : { name: 'worker_' + this.#index, ...usage };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#handle.stop();
  }

  #spawn(): WorkerHandle {
    return new WorkerHandle(this.#equipment.data, {
      onStats: (announcement) => this.#equipment.onStats(announcement),
      onLog: (record) => this.#equipment.onLog(record),
      onNews: (news) => this.#equipment.onNews(news),
      onHandOver: (connection) => this.#equipment.onHandOver(connection),
      onCrash: (error) => void this.#replace(error),
    });
  }

  async #replace(error: Error | null): Promise<void> {
    if (this.#backlog === null) {
      this.#backlog = [];
      this.#ready = new Promise((resolve) => {
        this.#becomeReady = resolve;
      });
    }
    const backlog = this.#backlog;
    if (this.#stopping) return;
    this.#owner.onDeath(this.#index, error);
    this.#equipment.reclaim();
    await sleep(RESTART_DELAY_MS);
    if (this.#stopping) return;
    this.#equipment = this.#owner.equip(this.#index);
    this.#handle = this.#spawn();
    try {
      const replay = this.#owner.replay();
      for (const call of replay) await this.#again(call);
      const configured = replay.some(({ kind }) => kind === 'configure');
      for (let call = backlog.shift(); call !== undefined; call = backlog.shift()) {
        if (call.kind !== 'configure' || !configured) await this.#again(call);
      }
    } catch {
      // It died too: its own successor goes on with what is left.
      return;
    }
    this.#backlog = null;
    this.#becomeReady();
  }

  /** @throws only if the thread has ended */
  async #again(call: WorkerCall): Promise<void> {
    try {
      await this.#handle.call(call);
    } catch (error) {
      if (error instanceof WorkerEnded) throw error;
      this.#owner.onReplayFailed(this.#index, call, error as Error);
    }
  }
}
