/**
 * Makes dist/, what the package publishes: the modules of src/ joined into few files. A start reads about 400 modules in three threads;
 * finding and reading each costs more than compiling it, and V8 keeps every source text, comments too (docs/decisions/013-build.md).
 * Run by `npm run build`.
 */
import { copyFileSync, globSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { refuseCircles, StartGroups } from './build-groups.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const groups = new StartGroups(root);
const bundle = await rolldown({
  cwd: root,
  plugins: [groups.plugin],
  // A thread's entry may export to the files that share its modules.
  preserveEntrySignatures: 'allow-extension',
  // One entry for each thread. What is imported late stays a file of its own, but for what nearly every start imports.
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
const output = await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  comments: false,
  keepNames: true,
  codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: groups.name, debugName: 'start' }] },
});
refuseCircles(output);
await bundle.close();

// The live page, for browsers: with the charting library in it, and short, since it goes over the wire.
const pageDist = join(dist, 'page/browser');
const uplot = join(root, 'node_modules/uplot');
const page = await rolldown({ cwd: root, input: { app: 'src/page/browser/app.ts' }, platform: 'browser' });
await page.write({
  dir: pageDist,
  format: 'esm',
  entryFileNames: '[name].js',
  // Only plain names are served.
  chunkFileNames: (chunk) => `${chunk.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.js`,
  minify: true,
});
await page.close();
for (const name of globSync('*.{html,css,svg}', { cwd: join(root, 'src/page/browser') }))
  copyFileSync(join(root, 'src/page/browser', name), join(pageDist, name));
copyFileSync(join(uplot, 'dist/uPlot.min.css'), join(pageDist, 'uplot.css'));
copyFileSync(join(uplot, 'LICENSE'), join(pageDist, 'uplot-license.txt'));
