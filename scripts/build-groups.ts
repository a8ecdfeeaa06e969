/**
 * Which modules of the build go into one file: those that the same threads load while they start. A thread so reads a handful of files; finding each
 * costs about as much as compiling 20 KB of it (docs/decisions/013-build.md). Whatever a running thread may load later on stays apart.
 */
import type { Plugin, RolldownOutput } from 'rolldown';

/** Modules that are loaded together. */
interface Load {
  readonly name: string;
  readonly roots: readonly string[];
  /** Loaded before this one whenever this one is. */
  readonly after: string | null;
  /** Whether what its modules import late counts: not in a thread that ends soon, nor for the tools of the command line. */
  readonly stays: boolean;
}

const FILTERS = 'src/filters/network/http-connection-manager';
const ROUTER = 'src/filters/http/router';

const LOADS: readonly Load[] = [
  { name: 'main', roots: ['src/main.ts'], after: null, stays: false },
  { name: 'command', roots: ['src/server/command-line.ts', 'src/server/commands.ts'], after: 'main', stays: false },
  { name: 'server', roots: ['src/server/server.ts'], after: 'command', stays: true },
  { name: 'health', roots: ['src/cluster/health-check/cluster-health.ts'], after: 'server', stays: true },
  { name: 'worker', roots: ['src/server/worker-thread.ts'], after: null, stays: true },
  // Nearly every configuration has them, and they are imported late.
  { name: 'http', roots: [`${FILTERS}/filter.ts`, `${ROUTER}/router-filter-factory.ts`], after: 'worker', stays: true },
  { name: 'config', roots: ['src/server/config-thread.ts', `${FILTERS}/config.ts`, `${ROUTER}/config.ts`], after: null, stays: false },
];

export class StartGroups {
  readonly #root: string;
  /** Module → name of the file that it goes into. */
  readonly #groups = new Map<string, string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** null = wherever the bundler puts it. */
  readonly name = (id: string): string | null => this.#groups.get(id) ?? null;

  /** Learns the modules' imports from the bundler. */
  get plugin(): Plugin {
    const groups = this;
    return {
      name: 'start-groups',
      buildEnd() {
        const statically = new Map<string, readonly string[]>();
        const late = new Map<string, readonly string[]>();
        const entries = new Set<string>();
        for (const id of this.getModuleIds()) {
          const info = this.getModuleInfo(id);
          statically.set(id, info?.importedIds ?? []);
          late.set(id, info?.dynamicallyImportedIds ?? []);
          if (info?.isEntry === true) entries.add(id);
        }
        groups.#assign(statically, late, entries);
      },
    };
  }

  #assign(
    statically: ReadonlyMap<string, readonly string[]>,
    late: ReadonlyMap<string, readonly string[]>,
    entries: ReadonlySet<string>,
  ): void {
    const atStart = new Map<string, Set<string>>();
    const ever = new Map<string, Set<string>>();
    for (const { name, roots, after, stays } of LOADS) {
      const ids = roots.map((path) => `${this.#root}/${path}`);
      for (const id of ids) if (!statically.has(id)) throw new Error(`the build has no module ${id}`);
      const loaded = reachable([...ids, ...(after === null ? [] : atStart.get(after)!)], [statically]);
      atStart.set(name, loaded);
      ever.set(name, stays ? reachable(ids, [statically, late]) : loaded);
    }
    for (const id of statically.keys()) {
      // They do something when they are loaded, and main.ts waits for files that share its modules.
      if (entries.has(id)) continue;
      const before = (after: string | null): boolean => after !== null && atStart.get(after)!.has(id);
      const names = LOADS.filter(({ name, after }) => atStart.get(name)!.has(id) && !before(after)).map(({ name }) => name);
      if (names.length === 0) continue;
      const isLate = LOADS.some(({ name, after }) => ever.get(name)!.has(id) && !atStart.get(name)!.has(id) && !before(after));
      // What the command line shares with other threads is little: not another file for it.
      if (names.length > 1 && names[0] === 'command') names[0] = 'server';
      this.#groups.set(id, ['start', ...names, ...(isLate ? ['late'] : [])].join('-'));
    }
  }
}

function reachable(roots: readonly string[], edges: readonly ReadonlyMap<string, readonly string[]>[]): Set<string> {
  const found = new Set(roots);
  for (const id of found) {
    for (const of of edges) for (const next of of.get(id) ?? []) found.add(next);
  }
  return found;
}

/** @throws if files import each other in a circle: one of them would run before what it needs */
export function refuseCircles({ output }: RolldownOutput): void {
  const imports = new Map(output.map((file) => [file.fileName, file.type === 'chunk' ? file.imports : []]));
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) throw new Error(`files import each other: ${[...path, file].join(' → ')}`);
    if (done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
}
