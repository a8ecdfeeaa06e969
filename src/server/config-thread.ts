/** Entry of the thread that compiles configuration. It ends when it is done, and the protobuf schema and the message trees go with it. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ConfigRequest, loadConfig } from './load-config.ts';

parentPort!.postMessage(await loadConfig(workerData as ConfigRequest));
