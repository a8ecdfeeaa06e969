/** The control thread: brings a configuration to life, keeps the process's state, ends it in order. */
import { hasErrors, formatProblem } from '../config/problem.ts';
import type { Logger } from '../runtime/logger.ts';
import { StatsAggregate } from '../stats/aggregate.ts';
import { compileInThread } from './compile-in-thread.ts';
import type { CompiledConfig } from './compiled.ts';
import type { ConfigRequest } from './load-config.ts';
import { localInfo } from './local-info.ts';
import type { ServerOptions } from './options.ts';
import { RuntimeLayers } from './runtime-layers.ts';
import { Workers } from './workers.ts';

export type ServerState = 'PRE_INITIALIZING' | 'INITIALIZING' | 'LIVE' | 'DRAINING';

export class Server {
  readonly options: ServerOptions;
  readonly logger: Logger;
  readonly stats = new StatsAggregate();
  readonly workers: Workers;
  state: ServerState = 'PRE_INITIALIZING';
  config: CompiledConfig | null = null;
  runtime: RuntimeLayers = new RuntimeLayers([], '');

  constructor(options: ServerOptions, logger: Logger) {
    this.options = options;
    this.logger = logger;
    this.workers = new Workers(
      {
        concurrency: options.concurrency,
        drainStrategy: options.drainStrategy,
        drainTimeMs: options.drainTimeSeconds * 1000,
        fileFlushIntervalMs: options.fileFlushIntervalMs,
        logLevel: options.logLevel,
        logPath: options.logPath,
      },
      this.stats,
      logger,
    );
  }

  /** @returns false if the configuration has errors; they have been written to `report` and nothing runs */
  async start(report: (line: string) => void): Promise<boolean> {
    // Threads start while the configuration is compiled: they need it only afterwards.
    this.workers.start();
    const { compiled, problems } = await compileInThread(configRequest(this.options));
    for (const problem of problems) report(formatProblem(problem));
    if (compiled === null || hasErrors(problems)) {
      await this.workers.stop();
      return false;
    }
    this.config = compiled;
    this.runtime = new RuntimeLayers(compiled.runtimeLayers, compiled.node.cluster);
    this.state = 'INITIALIZING';
    await this.workers.configure({
      localInfo: localInfo(compiled.node, this.options.localAddressIpVersion),
      runtime: this.runtime.values(),
      localClusterName: compiled.localClusterName,
      clusters: compiled.clusters.block,
      routeTables: {},
    });
    for (const listener of compiled.listeners) await this.workers.setListener(listener.name, listener);
    this.state = 'LIVE';
    return true;
  }

  async stop(): Promise<void> {
    await this.workers.stop();
  }
}

export function configRequest(options: ServerOptions): ConfigRequest {
  return {
    path: options.configPath,
    yaml: options.configYaml,
    allowUnknown: options.allowUnknownStaticFields,
    allowUnsupported: options.allowUnsupported,
    strictHttp1: options.strictHttp1,
    serviceNode: options.serviceNode,
    serviceCluster: options.serviceCluster,
    serviceZone: options.serviceZone,
  };
}
