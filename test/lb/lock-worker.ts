/** Waits for a lock that another thread holds, and tells what it then finds in the cell behind it. */
import { parentPort, workerData } from 'node:worker_threads';
import { lockCell, unlockCell } from '../../src/lb/shared-blocks.ts';

const { buffer, index } = workerData as { buffer: SharedArrayBuffer; index: number };
const cells = new Int32Array(buffer);
parentPort!.postMessage('begins');
lockCell(cells, index);
parentPort!.postMessage(cells[index + 1]);
unlockCell(cells, index);
