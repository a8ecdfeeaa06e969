/** Entry of the thread that compiles configuration. It ends when it is done, and the protobuf schema and the message trees go with it. */
import { parentPort, workerData } from 'node:worker_threads';
import { dumpConfig } from './config-dump.ts';
import { type ConfigRequest, loadConfig } from './load-config.ts';

export interface ConfigThreadData {
  readonly work: 'compile' | 'dump';
  readonly request: ConfigRequest;
}

const { work, request } = workerData as ConfigThreadData;
parentPort!.postMessage(work === 'compile' ? await loadConfig(request) : dumpConfig(request));
