/** What the command line says, with Envoy's flag names and defaults. */

import type { LogLevel } from '../runtime/logger.ts';
import type { ConfigRequest } from './load-config.ts';

export interface ServerOptions {
  readonly configPath: string | null;
  /** Merged over the file. */
  readonly configYaml: string | null;
  /** Run the built-in example with its upstream services. */
  readonly example: boolean;
  readonly mode: 'serve' | 'validate' | 'init_only';
  readonly concurrency: number;
  readonly logLevel: LogLevel;
  readonly logFormat: string | null;
  readonly logPath: string | null;
  readonly componentLogLevels: Readonly<Record<string, LogLevel>>;
  readonly serviceNode: string;
  readonly serviceCluster: string;
  readonly serviceZone: string;
  readonly drainTimeSeconds: number;
  readonly drainStrategy: 'gradual' | 'immediate';
  readonly parentShutdownTimeSeconds: number;
  readonly adminAddressPath: string | null;
  /** Lower case: names under which browsers may reach the admin interface besides its own; `*.` before one stands for all below it. */
  readonly adminHostNames: readonly string[];
  readonly localAddressIpVersion: 'v4' | 'v6';
  readonly baseId: number;
  readonly restartEpoch: number;
  readonly disableHotRestart: boolean;
  readonly fileFlushIntervalMs: number;
  /** Lower case: values of these headers are in no log, trace or tap. */
  readonly redactHeaders: readonly string[];
  readonly allowUnknownStaticFields: boolean;
  readonly rejectUnknownDynamicFields: boolean;
  readonly ignoreUnknownDynamicFields: boolean;
  readonly allowUnsupported: boolean;
  readonly bootstrapVersion: number;
  readonly strictHttp1: boolean;
  /** Re-read the bootstrap file when it changes. */
  readonly watch: boolean;
  /** How long SIGTERM waits for work in flight. */
  readonly terminationGraceSeconds: number;
  /** Flags that were given and have no meaning here: said once at debug level. */
  readonly ignoredFlags: readonly string[];
}

export const DEFAULT_OPTIONS: ServerOptions = {
  configPath: null,
  configYaml: null,
  example: false,
  mode: 'serve',
  concurrency: 1,
  logLevel: 'info',
  logFormat: null,
  logPath: null,
  componentLogLevels: {},
  serviceNode: '',
  serviceCluster: '',
  serviceZone: '',
  drainTimeSeconds: 600,
  drainStrategy: 'gradual',
  parentShutdownTimeSeconds: 900,
  adminAddressPath: null,
  adminHostNames: [],
  localAddressIpVersion: 'v4',
  baseId: 0,
  restartEpoch: 0,
  disableHotRestart: false,
  fileFlushIntervalMs: 10_000,
  redactHeaders: [],
  allowUnknownStaticFields: false,
  rejectUnknownDynamicFields: false,
  ignoreUnknownDynamicFields: false,
  allowUnsupported: false,
  bootstrapVersion: 3,
  strictHttp1: false,
  watch: false,
  terminationGraceSeconds: 25,
  ignoredFlags: [],
};

export function configRequest(options: ServerOptions): ConfigRequest {
  return {
    path: options.configPath,
    yaml: options.configYaml,
    allowUnknown: options.allowUnknownStaticFields,
    allowUnsupported: options.allowUnsupported,
    strictHttp1: options.strictHttp1,
    rejectUnknownDynamic: options.rejectUnknownDynamicFields,
    serviceNode: options.serviceNode,
    serviceCluster: options.serviceCluster,
    serviceZone: options.serviceZone,
  };
}
