/** `npm run check`: types, lint, layering, file size, banned globals. Prints every violation; exit code 1 if there is one. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');
const MAX_LINES = 500;

/** What each folder of src/ may import; type imports count. Only files named config.ts or *-config.ts may import `config` besides. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  stats: ['runtime'],
  config: ['runtime'],
  net: ['runtime', 'stats'],
  http: ['runtime', 'stats', 'net'],
  tls: ['runtime', 'stats', 'net', 'http'],
  tracing: ['runtime', 'stats', 'net', 'http'],
  'access-log': ['runtime', 'stats', 'net', 'http'],
  lb: ['runtime', 'stats', 'http'],
  resilience: ['runtime', 'stats', 'http', 'lb'],
  cluster: ['runtime', 'stats', 'net', 'http', 'tls', 'lb', 'resilience'],
  route: ['runtime', 'http', 'tracing', 'lb', 'resilience', 'cluster'],
  filters: ['runtime', 'stats', 'net', 'http', 'tls', 'tracing', 'access-log', 'lb', 'resilience', 'cluster', 'route'],
  listener: ['runtime', 'stats', 'net', 'http', 'tls'],
  xds: ['runtime', 'stats', 'config'],
  admin: ['runtime', 'stats', 'lb', 'cluster', 'listener'],
  page: ['runtime', 'stats', 'net', 'http', 'lb', 'resilience', 'cluster', 'route', 'filters', 'listener', 'admin'],
};

/** Single files that a folder may import from one that it otherwise may not. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  listener: ['filters/api.ts'],
};

/** Time, chance and the process belong to src/runtime and to the entry points. */
const BANNED = /\b(?:Date\.now|performance\.now|Math\.random|setTimeout|setInterval|setImmediate|process\.(?!exitCode|stdout|stderr))\b/;
const MAY_USE_PROCESS =
  /^(?:runtime\/|page\/browser\/delay\.ts$|main\.ts$|server\/(?:serve|version|.*-command|worker-thread|command-line|example\/.*)\.ts$)/;

const problems: string[] = [];

function files(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/config/gen/'));
}

function checkFile(path: string): void {
  const name = relative(SRC, path);
  const text = readFileSync(path, 'utf8');
  const lines = text.split('\n');
  if (lines.length > MAX_LINES + 1) problems.push(`src/${name}: ${lines.length - 1} lines, the limit is ${MAX_LINES}`);
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(name.split('/').at(-1)!)) problems.push(`src/${name}: file names are kebab-case`);
  const folder = name.includes('/') ? name.split('/')[0]! : '';
  lines.forEach((line, i) => {
    const code = line
      .replace(/\/\/.*$/, '')
      .replace(/^\s*\*.*$/, '')
      .replace(/'(?:[^'\\]|\\.)*'/g, "''");
    if (BANNED.test(code) && !MAY_USE_PROCESS.test(name))
      problems.push(`src/${name}:${i + 1}: ${BANNED.exec(code)![0]} belongs to src/runtime`);
  });
  if (folder === '' || folder === 'server') return;
  for (const match of text.matchAll(/(?:from|import)\s*\(?'(\.{1,2}\/[^']+)'/g))
    checkImport(name, folder, relative(SRC, resolve(dirname(path), match[1]!)));
}

function checkImport(name: string, folder: string, target: string): void {
  const to = target.split('/')[0]!;
  if (to === folder) {
    // One HTTP filter never imports another.
    const own = /^filters\/http\/([^/]+)\//.exec(name);
    const other = /^filters\/http\/([^/]+)\//.exec(target);
    if (own !== null && other !== null && own[1] !== other[1]) problems.push(`src/${name}: imports another filter, ${target}`);
    return;
  }
  if (LAYERS[folder]?.includes(to) || ALSO[folder]?.includes(target)) return;
  if (to === 'config' && /(?:^|[-/])config\.ts$/.test(name)) return;
  problems.push(`src/${name}: ${folder} may not import ${target}`);
}

function run(title: string, command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  if (result.status === 0) return;
  problems.push(`${title}:\n${result.stdout}${result.stderr}`);
}

for (const path of files(SRC)) checkFile(path);
run('types', join(ROOT, 'node_modules/.bin/tsc'), ['--noEmit', '-p', ROOT]);
run('types of the page', join(ROOT, 'node_modules/.bin/tsc'), ['--noEmit', '-p', join(SRC, 'page/browser')]);
run('lint', join(ROOT, 'node_modules/.bin/biome'), ['check', '--error-on-warnings', '--max-diagnostics=50']);

for (const problem of problems) console.error(problem);
console.log(
  problems.length === 0
    ? 'check: types, lint, layering, file size and banned globals are in order'
    : `check: ${problems.length} problem(s)`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
