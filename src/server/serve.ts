/** `outrider -c FILE`: runs the proxy until it is told to end. */
import { createLogger } from '../runtime/logger.ts';
import { loadConfig } from './load-config.ts';
import { formatProblem } from '../config/problem.ts';
import type { ServerOptions } from './options.ts';
import { configRequest, Server } from './server.ts';

/** @returns the exit code: 0 ended in order, 1 the configuration or a socket was refused */
export async function serve(options: ServerOptions): Promise<number> {
  const report = (line: string): void => void process.stderr.write(line + '\n');
  if (options.mode === 'validate') return validateOnly(options, report);

  const logger = createLogger('main', options.logLevel, options.logPath);
  for (const flag of options.ignoredFlags) logger.debug(`${flag} is accepted and has no meaning here`);
  const server = new Server(options, logger);
  try {
    if (!(await server.start(report))) return 1;
  } catch (error) {
    report(`outrider: ${error instanceof Error ? error.message : String(error)}`);
    await server.stop();
    return 1;
  }
  if (options.mode === 'init_only') {
    await server.stop();
    return 0;
  }
  return new Promise((resolve) => {
    const end = (): void => {
      void server.stop().then(() => resolve(0));
    };
    process.once('SIGTERM', end);
    process.once('SIGINT', end);
  });
}

async function validateOnly(options: ServerOptions, report: (line: string) => void): Promise<number> {
  const { compiled, problems } = await loadConfig(configRequest(options));
  for (const problem of problems) report(formatProblem(problem));
  if (compiled === null) return 1;
  process.stdout.write(`configuration '${options.configPath ?? '--config-yaml'}' OK\n`);
  return 0;
}
