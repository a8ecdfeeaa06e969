import { nodeModule } from './node-module.ts';

/** Memory of the process in the figures that `/memory` and the `server.memory_*` gauges show, bytes. */
export interface ProcessMemory {
  readonly allocated: number;
  readonly heapSize: number;
  readonly pageheapUnmapped: number;
  readonly pageheapFree: number;
  readonly totalThreadCache: number;
  readonly totalPhysicalBytes: number;
}

/** There is no thread cache to speak of in V8; the heap's unused part stands for the free page heap. */
export function memoryUse(): ProcessMemory {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  return {
    allocated: heapUsed + external,
    heapSize: heapTotal + external,
    pageheapUnmapped: 0,
    pageheapFree: heapTotal - heapUsed,
    totalThreadCache: 0,
    totalPhysicalBytes: rss,
  };
}

/** Bytes of physical memory that the process occupies, all its threads together. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

let gc: (() => void) | null = null;

/** A full collection of this thread's heap. Stops the thread for as long as it takes. */
export function collectGarbage(): void {
  if (gc === null) {
    const v8 = nodeModule<typeof import('node:v8')>('node:v8');
    v8.setFlagsFromString('--expose-gc');
    gc = nodeModule<typeof import('node:vm')>('node:vm').runInNewContext('gc') as () => void;
  }
  gc();
}

/** undefined = not looked for yet; null = this C library has none. */
let trim: ((keep: number) => number) | null | undefined;

/**
 * Gives what the C library keeps of freed memory back to the system, for all threads: glibc holds on to freed buffers, and a process that was
 * large once would look short of memory for ever.
 */
export function returnFreedMemory(): void {
  if (trim === undefined) {
    try {
      const koffi = nodeModule<typeof import('koffi')>('koffi');
      trim = koffi.load(null).func('int malloc_trim(size_t)') as unknown as (keep: number) => number;
    } catch {
      trim = null;
    }
  }
  trim?.(0);
}

/** By how much an old generation may grow after a full collection, in percent of what that has left. */
const HEAP_GROWTH_PERCENT = 60;

/**
 * V8 by itself lets small heaps grow fourfold before it collects all of it: what connections leave behind would be most of what the process
 * occupies. For all threads, from now on; to be called when the start is over, which grows its heaps for good and would take a tenth longer.
 */
export function limitHeapGrowth(): void {
  nodeModule<typeof import('node:v8')>('node:v8').setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
}
