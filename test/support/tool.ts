/**
 * External programs that some tests compare with or drive. A test that needs one says so through `requireTool`; where the
 * program is missing the test is skipped, and the reason is printed once instead of being lost.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type ToolName =
  | 'envoy'
  | 'iptables'
  | 'ip'
  | 'promtool'
  | 'prometheus'
  | 'curl'
  | 'wrk'
  | 'nginx'
  | 'haproxy'
  | 'h2load'
  | 'h2spec'
  | 'otel-collector'
  | 'openssl'
  | 'python3'
  | 'redis-server'
  | 'taskset';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Where a program may be besides PATH: the environment variable wins, then the place our own scripts install it to. */
const PLACES: Partial<Record<ToolName, { env: string; paths: readonly string[]; hint: string }>> = {
  envoy: {
    env: 'OUTRIDER_ENVOY',
    paths: [join(root, '.cache/envoy/bin/envoy')],
    hint: 'run scripts/install-envoy.sh, or set OUTRIDER_ENVOY to the binary',
  },
  h2load: { env: 'OUTRIDER_H2LOAD', paths: [], hint: 'part of the "nghttp2-client" package' },
  h2spec: { env: 'OUTRIDER_H2SPEC', paths: [join(root, '.cache/h2spec/h2spec')], hint: 'run scripts/install-peers.sh' },
  'otel-collector': {
    env: 'OUTRIDER_OTEL_COLLECTOR',
    paths: [join(root, '.cache/otel-collector/collector')],
    hint: 'run scripts/install-peers.sh',
  },
  promtool: { env: 'OUTRIDER_PROMTOOL', paths: [], hint: 'part of the "prometheus" package' },
};

const SYSTEM_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const announced = new Set<ToolName>();

/** Full path of the program, or null where it is not installed. */
export function findTool(name: ToolName): string | null {
  const place = PLACES[name];
  const candidates: string[] = [];
  if (place !== undefined) {
    const fromEnvironment = process.env[place.env];
    if (fromEnvironment !== undefined && fromEnvironment !== '') candidates.push(fromEnvironment);
    candidates.push(...place.paths);
  }
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_PATHS];
  for (const directory of directories) if (directory !== '') candidates.push(join(directory, name));
  return candidates.find(isExecutable) ?? null;
}

/**
 * `const envoy = requireTool('envoy')` then `test.skipIf(envoy === null)(…)`.
 * Prints why the tests are skipped, once for each program.
 */
export function requireTool(name: ToolName): string | null {
  const path = findTool(name);
  if (path === null && !announced.has(name)) {
    announced.add(name);
    const hint = PLACES[name]?.hint ?? 'install it to run these tests';
    process.stderr.write(`skipped: "${name}" is not installed (${hint})\n`);
  }
  return path;
}

function isExecutable(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
