/** The process's own log (not access logs). Levels are Envoy's; components can be set apart (`--component-log-level`). */
import type pino from 'pino';
import { nodeModule } from './node-module.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Logger {
  trace(message: string, fields?: object): void;
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  readonly level: LogLevel;
  setLevel(level: LogLevel): void;
}

const TO_PINO: Record<LogLevel, string> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
  off: 'silent',
};

class PinoLogger implements Logger {
  readonly #pino: pino.Logger;
  level: LogLevel;
  constructor(instance: pino.Logger, level: LogLevel) {
    this.#pino = instance;
    this.level = level;
  }
  trace(message: string, fields: object = {}): void {
    this.#pino.trace(fields, message);
  }
  debug(message: string, fields: object = {}): void {
    this.#pino.debug(fields, message);
  }
  info(message: string, fields: object = {}): void {
    this.#pino.info(fields, message);
  }
  warn(message: string, fields: object = {}): void {
    this.#pino.warn(fields, message);
  }
  error(message: string, fields: object = {}): void {
    this.#pino.error(fields, message);
  }
  setLevel(level: LogLevel): void {
    this.level = level;
    this.#pino.level = TO_PINO[level];
  }
}

/** @param destination file path, or null for stderr */
export function createLogger(component: string, level: LogLevel, destination: string | null = null): Logger {
  const pino = nodeModule<typeof import('pino')>('pino');
  const stream = pino.destination({ dest: destination ?? 2, sync: true });
  const instance = pino.pino({ level: TO_PINO[level], base: { component }, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  return new PinoLogger(instance, level);
}

export const silentLogger: Logger = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  level: 'off',
  setLevel: () => undefined,
};
