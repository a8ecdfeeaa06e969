/** Compiles configuration off the control thread, so that its memory is given back. */
import { Worker } from 'node:worker_threads';
import type { JsonObject } from '../admin/api.ts';
import type { ConfigThreadData } from './config-thread.ts';
import type { ConfigRequest, ConfigResult } from './load-config.ts';

export function compileInThread(request: ConfigRequest): Promise<ConfigResult> {
  return inThread<ConfigResult>({ work: 'compile', request });
}

/** `/config_dump`: the sources are read again, since nothing of the messages is kept. */
export function dumpInThread(request: ConfigRequest): Promise<readonly JsonObject[]> {
  return inThread<readonly JsonObject[]>({ work: 'dump', request });
}

function inThread<T>(data: ConfigThreadData): Promise<T> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url.endsWith('.ts') ? './config-thread.ts' : './config-thread.js', import.meta.url), {
      workerData: data,
    });
    worker.once('message', (result: T) => {
      resolve(result);
      void worker.terminate();
    });
    worker.once('error', reject);
  });
}
