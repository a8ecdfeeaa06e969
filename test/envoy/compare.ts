/**
 * `npm run envoy-compare [-- --area NAME --only TEXT --show --right BINARY]`: every scenario on the real Envoy and on Outrider,
 * and a summary of what is equal, what differs for a known reason, and what differs. Exit code 1 on any unexplained difference.
 */
import { parseArgs } from 'node:util';
import { findOutrider } from '../support/outrider.ts';
import { requireTool } from '../support/tool.ts';
import { compareConfiguration, compareSlower, excerpt, type Result } from './harness/compare.ts';
import type { Configuration } from './harness/scenario.ts';
import { areas } from './scenarios/index.ts';

const { values } = parseArgs({
  options: {
    area: { type: 'string' },
    only: { type: 'string' },
    show: { type: 'boolean', default: false },
    left: { type: 'string' },
    right: { type: 'string' },
    jobs: { type: 'string', default: '2' },
  },
});

const left = values.left ?? requireTool('envoy');
if (left === null) process.exit(2);
const sides = { left, right: values.right ?? findOutrider() };

const work = areas
  .filter((area) => values.area === undefined || area.name === values.area)
  .flatMap((area) => area.configurations.map((configuration) => ({ area, configuration })))
  .filter(({ configuration }) => values.only === undefined || configuration.name.includes(values.only));

const started = Date.now();
const rows: { title: string; result: Result }[] = [];
const unsettled: { title: string; configuration: Configuration; results: readonly Result[] }[] = [];
const queue = [...work];
await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
for (const { title, configuration, results } of unsettled) {
  const again = await compareSlower(configuration, sides, results, (differing) =>
    print(`compared again: ${title}: ${differing.map(({ name }) => name).join(', ')}\n${excerpt(differing[0]!.diff)}`),
  );
  tell(title, again);
}
const failures = report();
process.exit(failures === 0 ? 0 : 1);

async function worker(): Promise<void> {
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
    const title = `${item.area.name} › ${item.configuration.name}`;
    const results = await compareConfiguration(item.configuration, sides);
    if (results.some((result) => result.verdict === 'different')) unsettled.push({ title, configuration: item.configuration, results });
    else tell(title, results);
  }
}

function tell(title: string, results: readonly Result[]): void {
  for (const result of results) {
    rows.push({ title: `${title} › ${result.name}`, result });
    if (result.verdict === 'different') print(`\n✗ ${title} › ${result.name}\n${excerpt(result.diff)}`);
    else if (values.show) print(`\n${result.verdict === 'equal' ? '=' : '~'} ${title} › ${result.name}\n${result.left}`);
  }
}

/** Prints the summary and returns the number of unexplained differences. */
function report(): number {
  const cases = rows.filter(({ result }) => result.kind === 'case');
  const count = (list: typeof rows, verdict: Result['verdict']) => list.filter(({ result }) => result.verdict === verdict).length;
  print('');
  const explained = rows.filter(({ result }) => result.verdict === 'explained');
  for (const { title, result } of explained) print(`~ ${title}: ${result.reason}\n    ${result.diff.join('\n    ')}`);
  const unexplained = rows.filter(({ result }) => result.verdict === 'different');
  for (const { title } of unexplained) print(`✗ ${title}`);
  print('');
  print(`${cases.length} scenarios over ${work.length} configurations in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  for (const [label, kind] of [
    ['scenarios', 'case'],
    ['statistics', 'stats'],
    ['access logs', 'log'],
  ] as const) {
    const list = rows.filter(({ result }) => result.kind === kind);
    print(
      `  ${label.padEnd(12)} ${count(list, 'equal')} equal, ${count(list, 'explained')} differ for a stated reason, ${count(list, 'different')} differ`,
    );
  }
  return unexplained.length;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
