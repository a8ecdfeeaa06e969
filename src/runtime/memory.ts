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
