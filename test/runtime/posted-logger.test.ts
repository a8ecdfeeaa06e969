import { expect, test } from 'vitest';
import { type Logger, silentLogger } from '../../src/runtime/logger.ts';
import { type LogRecord, PostedLogger, writeRecord } from '../../src/runtime/posted-logger.ts';

test('what the level lets through arrives as it was said, on the same method', () => {
  const posted: LogRecord[] = [];
  const logger = new PostedLogger('info', (record) => posted.push(structuredClone(record)));
  logger.trace('no');
  logger.debug('no', { a: 1 });
  logger.info('started');
  logger.warn('slow', { ms: 5 });
  logger.setLevel('error');
  logger.warn('no');
  logger.error('broken', { stack: 'Error: x' });
  logger.setLevel('off');
  logger.error('no');
  logger.setLevel('trace');
  logger.trace('all');

  const written: unknown[] = [];
  const to = (method: string) => (message: string, fields?: object) => void written.push([method, message, fields]);
  const target: Logger = {
    ...silentLogger,
    trace: to('trace'),
    debug: to('debug'),
    info: to('info'),
    warn: to('warn'),
    error: to('error'),
  };
  for (const record of posted) writeRecord(target, record);
  expect(written).toEqual([
    ['info', 'started', {}],
    ['warn', 'slow', { ms: 5 }],
    ['error', 'broken', { stack: 'Error: x' }],
    ['trace', 'all', {}],
  ]);
});
