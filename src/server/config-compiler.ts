/** Compiles configuration in a thread of its own, which lives only while there is work, so that its memory is given back. */
import { Worker } from 'node:worker_threads';
import type { JsonObject } from '../admin/api.ts';
import type { Clock } from '../runtime/clock.ts';
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import { codeUrl } from '../runtime/package-root.ts';
import type { DumpRequest } from './config-dump.ts';
import type { ConfigRequest, ConfigResult } from './load-config.ts';
import type { ResourceKind, ResourceRequest, ResourceResult } from './load-resources.ts';

export type ConfigCall = { readonly id: number } & (
  | { readonly work: 'compile'; readonly request: ConfigRequest }
  | ({ readonly work: 'dump' } & DumpRequest)
  | ({ readonly work: 'resources' } & ResourceRequest)
);

export interface ConfigAnswer {
  readonly id: number;
  readonly result: unknown;
  readonly error: string | null;
}

/** Omit, member by member of the union. */
type DistributiveOmit<C> = C extends unknown ? Omit<C, 'id'> : never;

/** A file that changes often is compiled by one thread; one that changes rarely leaves none behind. */
const IDLE_MS = 5000;

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class ConfigCompiler implements TimerTarget {
  readonly #clock: Clock;
  readonly #idle: Timer;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #nextId = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#idle = new Timer(this, 0);
  }

  /** Starts the thread, so that it loads what it needs meanwhile. */
  prepare(): void {
    this.#worker ??= this.#spawn();
  }

  compile(request: ConfigRequest): Promise<ConfigResult> {
    return this.#call({ work: 'compile', request });
  }

  /** `/config_dump`: the bootstrap is read again, since nothing of its message is kept. */
  dump(dump: DumpRequest): Promise<readonly JsonObject[]> {
    return this.#call({ work: 'dump', ...dump });
  }

  resources(kind: ResourceKind, path: string, request: ConfigRequest): Promise<ResourceResult> {
    return this.#call({ work: 'resources', kind, path, request });
  }

  /** Ends the thread now. */
  close(): void {
    this.#clock.disarm(this.#idle);
    void this.#worker?.terminate();
    this.#worker = null;
  }

  onTimer(): void {
    if (this.#waiting.size === 0) this.close();
  }

  #call<T>(call: DistributiveOmit<ConfigCall>): Promise<T> {
    const worker = (this.#worker ??= this.#spawn());
    const id = this.#nextId++;
    this.#clock.arm(this.#idle, IDLE_MS);
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      worker.postMessage({ ...call, id });
    });
  }

  #spawn(): Worker {
    const worker = new Worker(codeUrl('server/config-thread.ts'));
    worker.on('message', (answer: ConfigAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      this.#clock.arm(this.#idle, IDLE_MS);
      if (answer.error === null) waiting?.resolve(answer.result);
      else waiting?.reject(new Error(answer.error));
    });
    worker.on('error', (error: Error) => {
      if (this.#worker === worker) this.#worker = null;
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
    });
    return worker;
  }
}
