/** One vitest test for each case of an area, its logs and its statistics. */
import { beforeAll, describe, expect, test } from 'vitest';
import { findOutrider } from '../../support/outrider.ts';
import { requireTool } from '../../support/tool.ts';
import { compareConfiguration, compareSlower, excerpt, type Result } from './compare.ts';
import type { Area } from './scenario.ts';

export function testArea(area: Area): void {
  const envoy = requireTool('envoy');
  describe.skipIf(envoy === null)(`${area.name}, compared with Envoy`, () => {
    for (const configuration of area.configurations) {
      describe(configuration.name, () => {
        const results = new Map<string, Result>();
        beforeAll(async () => {
          const sides = { left: envoy as string, right: findOutrider() };
          const first = await compareConfiguration(configuration, sides);
          const list = await compareSlower(configuration, sides, first, (differing) => {
            const names = differing.map(({ name }) => name).join(', ');
            process.stderr.write(`compared again: ${area.name} › ${configuration.name}: ${names}\n${excerpt(differing[0]!.diff)}\n`);
          });
          for (const result of list) results.set(`${result.kind} ${result.name}`, result);
        }, 600_000);
        const check = (key: string) => {
          const result = results.get(key);
          if (result?.verdict === 'different') expect.fail(`- Envoy, + Outrider\n${excerpt(result.diff)}`);
          expect(result?.verdict).toBeOneOf(['equal', 'explained']);
        };
        for (const one of configuration.cases) test(one.name, () => check(`case ${one.name}`));
        test('same statistics', () => check('stats statistics'));
        test('same access log', () => check('log access log'));
      });
    }
  });
}
