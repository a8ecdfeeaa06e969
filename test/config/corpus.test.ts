/** Real configurations that Envoy accepts: they lie beside the repository, not in it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadBootstrap } from '../../src/config/bootstrap.ts';
import { parseFastYaml } from '../../src/config/fast-yaml.ts';
import { parseCompleteYaml } from '../../src/config/load-document.ts';
import { formatProblem } from '../../src/config/problem.ts';

const corpus = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url));
const files = ['real', 'assembled'].flatMap((d) =>
  existsSync(`${corpus}${d}`) ? readdirSync(`${corpus}${d}`).map((f) => `${d}/${f}`) : [],
);
if (files.length === 0) process.stderr.write(`skipped: no configurations in ../shared/corpus beside the repository\n`);

describe.skipIf(files.length === 0)('real configurations', () => {
  test.each(files)('%s has nothing unknown or invalid', (file) => {
    const { problems } = loadBootstrap({ path: `${corpus}${file}` });
    expect(problems.filter((p) => !p.message.endsWith('not supported by Outrider yet')).map(formatProblem)).toEqual([]);
  });

  test('the fast YAML reader agrees with the complete one on all of them', () => {
    const yaml = files.filter((f) => f.endsWith('.yaml')).map((f) => readFileSync(`${corpus}${f}`, 'utf8'));
    const fast = yaml.filter((text) => {
      const value = parseFastYaml(text);
      if (value !== undefined) expect(value).toEqual(parseCompleteYaml(text, 'x').value);
      return value !== undefined;
    });
    expect(fast.length).toBeGreaterThan(yaml.length / 2);
  });
});
