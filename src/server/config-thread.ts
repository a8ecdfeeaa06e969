/** Entry of the thread that reads and compiles configuration. It ends when nothing has been asked of it for a while, and the protobuf schema goes with it. */
import { parentPort } from 'node:worker_threads';
import type { ConfigAnswer, ConfigCall } from './config-compiler.ts';
import { dumpConfig } from './config-dump.ts';
import { loadConfig } from './load-config.ts';
import { loadResources } from './load-resources.ts';

const port = parentPort!;

function answer(call: ConfigCall): unknown {
  switch (call.work) {
    case 'compile':
      return loadConfig(call.request);
    case 'dump':
      return dumpConfig(call);
    case 'resources':
      return loadResources(call);
  }
}

port.on('message', async (call: ConfigCall) => {
  try {
    const result = await answer(call);
    port.postMessage({ id: call.id, result, error: null } satisfies ConfigAnswer);
  } catch (error) {
    port.postMessage({
      id: call.id,
      result: null,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    } satisfies ConfigAnswer);
  }
});
