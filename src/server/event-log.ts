/** A log file of events that the control thread writes (outlier detection): the file of access logs, with text of any language in it. */
import { LogFile, LogFileStats } from '../access-log/log-file.ts';
import type { Clock } from '../runtime/clock.ts';
import type { StatsScope } from '../stats/scope.ts';

export class EventLog {
  readonly #file: LogFile;

  /** @throws if the file cannot be opened */
  constructor(path: string, clock: Clock, root: StatsScope, flushIntervalMs: number) {
    const target = path === '/dev/stdout' ? 1 : path === '/dev/stderr' ? 2 : path;
    this.#file = new LogFile(target, clock, new LogFileStats(root), flushIntervalMs);
  }

  /** @param line with its line end */
  write(line: string): void {
    // The file takes bytes as latin1 text.
    this.#file.write(Buffer.from(line).toString('latin1'));
  }

  reopen(): void {
    this.#file.reopen();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
