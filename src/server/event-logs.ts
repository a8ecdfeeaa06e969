/** Files of events that the control thread writes: each path is opened once, however many clusters name it. */
import { LogFile, LogFileStats } from '../access-log/log-file.ts';
import type { Clock } from '../runtime/clock.ts';
import type { StatsScope } from '../stats/scope.ts';

export class EventLogs {
  readonly #clock: Clock;
  readonly #root: StatsScope;
  readonly #flushIntervalMs: number;
  readonly #files = new Map<string, LogFile>();
  #stats: LogFileStats | null = null;

  constructor(clock: Clock, root: StatsScope, flushIntervalMs: number) {
    this.#clock = clock;
    this.#root = root;
    this.#flushIntervalMs = flushIntervalMs;
  }

  /** @throws the system's error if the file cannot be opened */
  open(path: string): LogFile {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    this.#stats ??= new LogFileStats(this.#root);
    const file = new LogFile(path, this.#clock, this.#stats, this.#flushIntervalMs);
    this.#files.set(path, file);
    return file;
  }

  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#files.values(), (file) => file.close()));
  }
}
