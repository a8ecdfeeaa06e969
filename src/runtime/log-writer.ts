/** Where the lines of the log go: JSON by pino, or text by a pattern of Envoy's `--log-format` (spdlog's), to stderr or a file. */
import { closeSync, openSync } from 'node:fs';
import type pino from 'pino';
import { compileLogPattern } from './log-pattern.ts';
import type { LogRecord, LogSink } from './logger.ts';
import { nodeModule } from './node-module.ts';

const METHODS = { trace: 'trace', debug: 'debug', info: 'info', warning: 'warn', error: 'error' } as const;

/**
 * @param path null for stderr
 * @param pattern null for JSON
 */
export function createLogWriter(path: string | null, pattern: string | null): LogWriter {
  // Loaded by the first line: a process that says nothing does not pay for it.
  let opened: LogWriter | null = null;
  return {
    write: (record) => {
      opened ??= open(path, pattern);
      opened.write(record);
    },
    reopen: () => opened?.reopen(),
  };
}

export interface LogWriter {
  readonly write: LogSink;
  /** After a rotation: what follows goes to a new file of the same name. */
  reopen(): void;
}

function open(path: string | null, pattern: string | null): LogWriter {
  const pino = nodeModule<typeof import('pino')>('pino');
  const stream = pino.destination({ dest: path ?? 2, sync: true });
  const write = pattern === null ? jsonLines(pino, stream) : textLines(pattern, stream);
  const reopen = (): void => {
    if (path === null) return;
    try {
      // Tried here first, so that a failure leaves the old file in use.
      closeSync(openSync(path, 'a'));
      stream.reopen(path);
    } catch (error) {
      write({ component: 'main', level: 'error', message: 'the log cannot be opened again', fields: { error: (error as Error).message } });
    }
  };
  return { write, reopen };
}

type Stream = ReturnType<typeof pino.destination>;

function textLines(pattern: string, stream: Stream): LogSink {
  const format = compileLogPattern(pattern);
  return (record) => void stream.write(format(record, Date.now()) + '\n');
}

function jsonLines(pino: typeof import('pino'), stream: Stream): LogSink {
  const instance: pino.Logger = pino.pino({ level: 'trace', base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  return ({ component, level, message, fields }: LogRecord) => instance[METHODS[level]]({ component, ...fields }, message);
}
