/** `outrider -c FILE`: runs the proxy until it is told to end. */
import { fileURLToPath } from 'node:url';
import { formatProblem } from '../config/problem.ts';
import type { Clock } from '../runtime/clock.ts';
import { createLogWriter } from '../runtime/log-writer.ts';
import { Loggers } from '../runtime/logger.ts';
import { limitHeapGrowth } from '../runtime/memory.ts';
import type { ConfigCompiler } from './config-compiler.ts';
import { EXAMPLE_CONFIG, EXAMPLE_HINTS } from './example/example.ts';
import { configRequest, type ServerOptions } from './options.ts';

/**
 * @param compiler its thread has been started if that could be foreseen
 * @returns the exit code: 0 ended in order, 1 the configuration or a socket was refused
 */
export async function serve(given: ServerOptions, clock: Clock, compiler: ConfigCompiler): Promise<number> {
  const options = given.example ? { ...given, configPath: fileURLToPath(EXAMPLE_CONFIG) } : given;
  const report = (line: string): void => void process.stderr.write(line + '\n');
  if (options.mode === 'validate') return validateOnly(options, report);

  const { Server } = await import('./server.ts');
  const log = createLogWriter(options.logPath, options.logFormat);
  const loggers = new Loggers(log.write, options.logLevel, options.componentLogLevels);
  const logger = loggers.component('main');
  for (const flag of options.ignoredFlags) logger.debug(`${flag} is accepted and has no meaning here`);
  const server = new Server(options, loggers, () => log.reopen(), clock, compiler);
  let services: { stop(): void } | null = null;
  process.on('SIGTERM', () => server.terminate());
  process.on('SIGINT', () => server.terminate());
  process.on('SIGHUP', () => void server.reload());
  process.on('SIGUSR1', () => server.reopenLogs());
  try {
    if (options.example) services = await (await import('./example/services.ts')).startExampleServices();
    // Asked to end while it starts, it does not wait for what the start waits for.
    const outcome = await Promise.race([server.start(report), server.ended]);
    if (outcome !== true) {
      services?.stop();
      return outcome === false ? 1 : outcome;
    }
  } catch (error) {
    report(`outrider: ${error instanceof Error ? error.message : String(error)}`);
    services?.stop();
    await server.stop();
    return 1;
  }
  if (options.example) process.stdout.write(EXAMPLE_HINTS);
  if (options.mode === 'init_only') {
    await server.stop();
    return 0;
  }
  limitHeapGrowth();
  const code = await server.ended;
  services?.stop();
  return code;
}

async function validateOnly(options: ServerOptions, report: (line: string) => void): Promise<number> {
  // What compiles configurations is loaded in a thread of its own, except here.
  const { loadConfig } = await import('./load-config.ts');
  const { compiled, problems } = await loadConfig(configRequest(options));
  for (const problem of problems) report(formatProblem(problem));
  if (compiled === null) return 1;
  process.stdout.write(`configuration '${options.configPath ?? '--config-yaml'}' OK\n`);
  return 0;
}
