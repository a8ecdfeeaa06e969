/** Every configuration that ships is one that runs: Outrider accepts it, and so does the real Envoy. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/server/load-config.ts';
import { loadResources, type ResourceKind } from '../../src/server/load-resources.ts';
import { requireTool } from '../support/tool.ts';

const ROOT = join(import.meta.dirname, '../..');
const REQUEST = {
  yaml: null,
  allowUnknown: false,
  allowUnsupported: false,
  rejectUnknownDynamic: true,
  strictHttp1: false,
  serviceNode: '',
  serviceCluster: '',
  serviceZone: '',
};
const bootstraps = [
  ...readdirSync(join(ROOT, 'config'))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => 'config/' + name),
  'config/dynamic/bootstrap.yaml',
];

describe('bootstraps', () => {
  test.each(bootstraps)('%s', async (path) => {
    const { compiled, problems } = await loadConfig({ ...REQUEST, path: join(ROOT, path) });
    expect(problems.filter((problem) => problem.severity === 'error')).toEqual([]);
    expect(compiled).not.toBeNull();
  });

  const envoy = requireTool('envoy');
  test.skipIf(envoy === null).each(bootstraps)('Envoy accepts %s', (path) => {
    const output = execFileSync(envoy!, ['--mode', 'validate', '-c', path, '--disable-hot-restart', '-l', 'error'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(output).toContain('OK');
  });
});

test.each<[ResourceKind, string]>([
  ['listeners', 'edge'],
  ['routes', 'edge'],
  ['clusters', 'web'],
  ['endpoints', 'web'],
])('the %s of config/dynamic', async (kind, name) => {
  const result = await loadResources({ kind, path: join(ROOT, 'config/dynamic', kind + '.yaml'), request: { ...REQUEST, path: null } });
  expect(result.problems).toEqual([]);
  expect(result.resources.map((resource) => [resource.name, resource.problems, resource.settings !== null])).toEqual([[name, [], true]]);
});
