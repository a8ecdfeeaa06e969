/** How V8 trades time for memory, for the process as a whole. */
import { nodeModule } from './node-module.ts';

const FOR_SIZE = '--optimize-for-size';
/** As the launcher asked for it (docs/decisions/007-memory.md). */
const forSize = process.execArgv.includes(FOR_SIZE);

/** Heaps may grow freely while `work` runs: kept small, a heap that fills up once and is thrown away is collected all the time. */
export async function withFreeHeap<T>(work: () => T | Promise<T>): Promise<T> {
  if (!forSize) return work();
  const { setFlagsFromString } = nodeModule<typeof import('node:v8')>('node:v8');
  setFlagsFromString('--no-optimize-for-size');
  try {
    return await work();
  } finally {
    setFlagsFromString(FOR_SIZE);
  }
}
