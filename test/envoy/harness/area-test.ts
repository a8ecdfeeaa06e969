/** One vitest test for each case of an area, its logs and its statistics. */
import { beforeAll, describe, expect, test } from 'vitest';
import { findOutrider } from '../../support/outrider.ts';
import { requireTool } from '../../support/tool.ts';
import { compareConfiguration, excerpt, type Result } from './compare.ts';
import { setPatience } from './patience.ts';
import type { Area } from './scenario.ts';

/** How much longer the pauses of the second and the third comparison are. */
const PATIENCE = [4, 12] as const;

export function testArea(area: Area): void {
  const envoy = requireTool('envoy');
  describe.skipIf(envoy === null)(`${area.name}, compared with Envoy`, () => {
    for (const configuration of area.configurations) {
      describe(configuration.name, () => {
        const results = new Map<string, Result>();
        beforeAll(async () => {
          const sides = { left: envoy as string, right: findOutrider() };
          let list = await compareConfiguration(configuration, sides);
          for (const patience of PATIENCE) {
            const differing = list.filter((result) => result.verdict === 'different');
            if (differing.length === 0) break;
            // Both sides' timers run on a machine that does other things too. What really differs does so again.
            process.stderr.write(
              `compared again: ${area.name} › ${configuration.name}: ${differing.map(({ name }) => name).join(', ')}\n${excerpt(differing[0]!.diff)}\n`,
            );
            setPatience(patience);
            list = await compareConfiguration(configuration, sides);
          }
          setPatience(1);
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
