/** Where the lines of the log go: JSON by pino, or text by a pattern of Envoy's `--log-format` (spdlog's), to stderr or a file. */
import type pino from 'pino';
import { compileLogPattern } from './log-pattern.ts';
import type { LogRecord, LogSink } from './logger.ts';
import { nodeModule } from './node-module.ts';

const METHODS = { trace: 'trace', debug: 'debug', info: 'info', warning: 'warn', error: 'error' } as const;

/**
 * @param path null for stderr
 * @param pattern null for JSON
 */
export function createLogWriter(path: string | null, pattern: string | null): LogSink {
  // Loaded by the first line: a process that says nothing does not pay for it.
  let write: LogSink | null = null;
  return (record) => {
    write ??= open(path, pattern);
    write(record);
  };
}

function open(path: string | null, pattern: string | null): LogSink {
  const pino = nodeModule<typeof import('pino')>('pino');
  const stream = pino.destination({ dest: path ?? 2, sync: true });
  if (pattern !== null) {
    const format = compileLogPattern(pattern);
    return (record) => void stream.write(format(record, Date.now()) + '\n');
  }
  const instance: pino.Logger = pino.pino({ level: 'trace', base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  return ({ component, level, message, fields }: LogRecord) => instance[METHODS[level]]({ component, ...fields }, message);
}
