/** A worker thread's log: what its level lets through is written by the control thread, so that only that one loads the logging library. */
import { LOG_LEVELS, type Logger, type LogLevel } from './logger.ts';

/** Plain data. */
export interface LogRecord {
  readonly level: 'trace' | 'debug' | 'info' | 'warning' | 'error';
  readonly message: string;
  readonly fields: object;
}

export class PostedLogger implements Logger {
  readonly #post: (record: LogRecord) => void;
  level: LogLevel;
  #lowest: number;

  constructor(level: LogLevel, post: (record: LogRecord) => void) {
    this.#post = post;
    this.level = level;
    this.#lowest = LOG_LEVELS.indexOf(level);
  }

  trace(message: string, fields: object = {}): void {
    this.#log('trace', message, fields);
  }
  debug(message: string, fields: object = {}): void {
    this.#log('debug', message, fields);
  }
  info(message: string, fields: object = {}): void {
    this.#log('info', message, fields);
  }
  warn(message: string, fields: object = {}): void {
    this.#log('warning', message, fields);
  }
  error(message: string, fields: object = {}): void {
    this.#log('error', message, fields);
  }

  setLevel(level: LogLevel): void {
    this.level = level;
    this.#lowest = LOG_LEVELS.indexOf(level);
  }

  #log(level: LogRecord['level'], message: string, fields: object): void {
    if (LOG_LEVELS.indexOf(level) >= this.#lowest) this.#post({ level, message, fields });
  }
}

/** Writes what a `PostedLogger` let through. */
export function writeRecord(logger: Logger, { level, message, fields }: LogRecord): void {
  logger[level === 'warning' ? 'warn' : level](message, fields);
}
