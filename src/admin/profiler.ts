/** Profiles of the thread that it runs on, by V8's inspector; the files open in Chrome's and VS Code's profilers. */
import type { Session } from 'node:inspector/promises';
import { fs, nodeModule } from '../runtime/node-module.ts';
import type { Endpoint, Profiler } from './api.ts';
import { ok, text } from './reply.ts';

export class InspectorProfiler implements Profiler {
  readonly #path: string;
  #cpu: Session | null = null;
  #heap: Session | null = null;

  /** @param path `admin.profile_path`; heap profiles go beside it with ".heapprofile" added */
  constructor(path: string) {
    this.#path = path;
  }

  async startCpu(): Promise<string | null> {
    if (this.#cpu !== null) return 'the profiler is running';
    const session = newSession();
    this.#cpu = session;
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    return null;
  }

  async stopCpu(): Promise<string | null> {
    const session = this.#cpu;
    if (session === null) return null;
    this.#cpu = null;
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return save(this.#path, profile);
  }

  async startHeap(includeFreed: boolean): Promise<string | null> {
    if (this.#heap !== null) return 'the heap profiler is running';
    const session = newSession();
    this.#heap = session;
    session.connect();
    await session.post('HeapProfiler.startSampling', {
      includeObjectsCollectedByMajorGC: includeFreed,
      includeObjectsCollectedByMinorGC: includeFreed,
    });
    return null;
  }

  async stopHeap(): Promise<string | null> {
    const session = this.#heap;
    if (session === null) return null;
    this.#heap = null;
    const { profile } = await session.post('HeapProfiler.stopSampling');
    session.disconnect();
    return save(`${this.#path}.heapprofile`, profile);
  }

  heapSnapshot(): AsyncIterable<Uint8Array> {
    return nodeModule<typeof import('node:v8')>('node:v8').getHeapSnapshot();
  }
}

/** The inspector is loaded by the first who profiles. */
function newSession(): Session {
  const inspector = nodeModule<typeof import('node:inspector/promises')>('node:inspector/promises');
  return new inspector.Session();
}

async function save(path: string, profile: object): Promise<string | null> {
  try {
    await fs.promises.writeFile(path, JSON.stringify(profile));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function onOff(
  path: string,
  help: string,
  start: (p: Profiler) => Promise<string | null>,
  stop: (p: Profiler) => Promise<string | null>,
): Endpoint {
  return {
    path,
    help,
    mutates: true,
    parameters: [{ name: 'enable', help: 'start, or stop and write the profile', values: ['y', 'n'] }],
    handle: async (request, deps) => {
      const enable = request.params.get('enable');
      if ([...request.params].length !== 1 || (enable !== 'y' && enable !== 'n')) return text('?enable=<y|n>\n', 400);
      const error = await (enable === 'y' ? start(deps.profiler) : stop(deps.profiler));
      return error === null
        ? ok()
        : text(`${enable === 'y' ? 'failure to start the profiler' : 'failure to write the profile'}: ${error}\n`, 500);
    },
  };
}

export const profilerEndpoints: readonly Endpoint[] = [
  onOff(
    '/allocprofiler',
    'sample allocations, freed ones too',
    (p) => p.startHeap(true),
    (p) => p.stopHeap(),
  ),
  onOff(
    '/cpuprofiler',
    'enable/disable the CPU profiler',
    (p) => p.startCpu(),
    (p) => p.stopCpu(),
  ),
  {
    path: '/heap_dump',
    help: 'a V8 heap snapshot (.heapsnapshot); the control thread stands still while it is taken',
    mutates: false,
    parameters: [],
    handle: (_request, deps) => text(deps.profiler.heapSnapshot()),
  },
  onOff(
    '/heapprofiler',
    'enable/disable the heap profiler',
    (p) => p.startHeap(false),
    (p) => p.stopHeap(),
  ),
];
