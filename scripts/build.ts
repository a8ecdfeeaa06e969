/**
 * Makes dist/, what the package publishes: the modules of src/ joined into few files. A start reads about 300 modules in three threads;
 * finding and reading each costs more than compiling it, and V8 keeps every source text, comments too (docs/decisions/013-build.md).
 * Run by `npm run build`.
 */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const bundle = await rolldown({
  cwd: root,
  // One entry for each thread. What is imported late stays a file of its own.
  input: {
    main: 'src/main.ts',
    'server/worker-thread': 'src/server/worker-thread.ts',
    'server/config-thread': 'src/server/config-thread.ts',
  },
  platform: 'node',
  // Dependencies are loaded from node_modules, but the protobuf runtime: a hundred small modules in the thread that everything waits for.
  external: /^(?![./]|.*\/src\/)(?!.*@bufbuild)/,
  treeshake: true,
});
await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  comments: false,
  keepNames: true,
});
await bundle.close();
