/** The process's own log (not access logs). Levels are Envoy's; components can be set apart (`--component-log-level`, `/logging`). */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
/** Levels at which lines are written. */
export type LineLevel = Exclude<LogLevel, 'critical' | 'off'>;

/** Writes to the log of one component. */
export interface Logger {
  trace(message: string, fields?: object): void;
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  readonly level: LogLevel;
  /** Asked before the fields of a debug line are put together, so that a line that is not written costs nothing. */
  readonly debugEnabled: boolean;
  setLevel(level: LogLevel): void;
  /** The logger of another component, e.g. 'router'. */
  component(name: string): Logger;
}

/** One line. Plain data: a worker posts it to the control thread. */
export interface LogRecord {
  readonly component: string;
  readonly level: LineLevel;
  readonly message: string;
  readonly fields: object;
}

export type LogSink = (record: LogRecord) => void;

class ComponentLogger implements Logger {
  readonly #loggers: Loggers;
  readonly #name: string;
  #lowest: number;
  level: LogLevel;
  debugEnabled: boolean;

  constructor(loggers: Loggers, name: string, level: LogLevel) {
    this.#loggers = loggers;
    this.#name = name;
    this.#lowest = LOG_LEVELS.indexOf(level);
    this.level = level;
    this.debugEnabled = this.#lowest <= 1;
  }

  trace(message: string, fields: object = {}): void {
    this.#log('trace', 0, message, fields);
  }
  debug(message: string, fields: object = {}): void {
    this.#log('debug', 1, message, fields);
  }
  info(message: string, fields: object = {}): void {
    this.#log('info', 2, message, fields);
  }
  warn(message: string, fields: object = {}): void {
    this.#log('warning', 3, message, fields);
  }
  error(message: string, fields: object = {}): void {
    this.#log('error', 4, message, fields);
  }

  setLevel(level: LogLevel): void {
    if (level === this.level) return;
    this.apply(level);
    this.#loggers.changed(this.#name, level);
  }

  /** Without telling anybody. */
  apply(level: LogLevel): void {
    this.#lowest = LOG_LEVELS.indexOf(level);
    this.level = level;
    this.debugEnabled = this.#lowest <= 1;
  }

  component(name: string): Logger {
    return this.#loggers.component(name);
  }

  #log(level: LineLevel, rank: number, message: string, fields: object): void {
    if (rank >= this.#lowest) this.#loggers.sink({ component: this.#name, level, message, fields });
  }
}

/** The loggers of one thread. */
export class Loggers {
  readonly sink: LogSink;
  /** Told of levels that are set one by one. */
  onChange: (component: string, level: LogLevel) => void;
  readonly #fallback: LogLevel;
  readonly #levels: Map<string, LogLevel>;
  readonly #loggers: Map<string, ComponentLogger>;

  /** @param levels of components that are not at `fallback` */
  constructor(sink: LogSink, fallback: LogLevel, levels: Readonly<Record<string, LogLevel>> = {}) {
    this.sink = sink;
    this.onChange = () => undefined;
    this.#fallback = fallback;
    this.#levels = new Map(Object.entries(levels));
    this.#loggers = new Map();
  }

  component(name: string): Logger {
    let logger = this.#loggers.get(name);
    if (logger === undefined) {
      logger = new ComponentLogger(this, name, this.#levels.get(name) ?? this.#fallback);
      this.#loggers.set(name, logger);
    }
    return logger;
  }

  /** Levels that differ from the fallback, or were set. */
  levels(): Readonly<Record<string, LogLevel>> {
    return Object.fromEntries(this.#levels);
  }

  /** Sets levels without telling `onChange`. */
  apply(levels: Readonly<Record<string, LogLevel>>): void {
    for (const [name, level] of Object.entries(levels)) {
      this.#levels.set(name, level);
      this.#loggers.get(name)?.apply(level);
    }
  }

  changed(name: string, level: LogLevel): void {
    this.#levels.set(name, level);
    this.onChange(name, level);
  }
}

export const silentLogger: Logger = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  level: 'off',
  debugEnabled: false,
  setLevel: () => undefined,
  component: () => silentLogger,
};
