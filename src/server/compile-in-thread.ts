/** Compiles configuration off the control thread, so that its memory is given back. */
import { Worker } from 'node:worker_threads';
import type { ConfigRequest, ConfigResult } from './load-config.ts';

export function compileInThread(request: ConfigRequest): Promise<ConfigResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url.endsWith('.ts') ? './config-thread.ts' : './config-thread.js', import.meta.url), { workerData: request });
    worker.once('message', (result: ConfigResult) => {
      resolve(result);
      void worker.terminate();
    });
    worker.once('error', reject);
  });
}
