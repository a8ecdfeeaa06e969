/** Entry of a worker thread: owns listeners, connections, streams and pools from accept to close, and does what the control thread says. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerData } from './messages.ts';
import { WorkerServer } from './worker-server.ts';

const port = parentPort!;
const server = new WorkerServer(workerData as WorkerData, (message: FromWorker) => port.postMessage(message));

port.on('message', (message: ToWorker) => {
  server.handle(message).then(
    (result) => {
      port.postMessage({ kind: 'done', id: message.id, result, error: null } satisfies FromWorker);
      if (message.kind === 'shutdown') port.close();
    },
    (error: unknown) =>
      port.postMessage({
        kind: 'done',
        id: message.id,
        result: null,
        error: error instanceof Error ? error.message : String(error),
      } satisfies FromWorker),
  );
});
