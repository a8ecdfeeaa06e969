/** Runs a configuration on two proxies at the same time and compares case by case. */
import { changes, difference } from './diff.ts';
import { Agreement, reached, setSlowMotion } from './patience.ts';
import { ConfigurationRun } from './run-configuration.ts';
import type { Configuration, Difference } from './scenario.ts';

export interface Result {
  readonly name: string;
  readonly kind: 'case' | 'log' | 'stats';
  readonly verdict: 'equal' | 'explained' | 'different';
  readonly reason: string;
  /** Readable difference; '- ' is the left (Envoy), '+ ' the right. */
  readonly diff: readonly string[];
  readonly left: string;
}

export interface Sides {
  readonly left: string;
  readonly right: string;
}

/** How long counters, and what upstreams have seen, may take to agree on both sides. */
const SETTLE_MS = 5000;
/** How much slower the second and the third comparison are. */
const SLOWER = [2, 8] as const;

export async function compareConfiguration(configuration: Configuration, sides: Sides): Promise<Result[]> {
  const results: Result[] = [];
  const opened = await Promise.allSettled([
    ConfigurationRun.open(configuration, sides.left),
    ConfigurationRun.open(configuration, sides.right),
  ]);
  const runs = opened.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
  try {
    const [left, right] = runs;
    if (left === undefined || right === undefined) {
      const errors = opened
        .map((o, i) => (o.status === 'rejected' ? `${i === 0 ? '-' : '+'} ${String(o.reason)}` : ''))
        .filter((line) => line !== '');
      return allFailed(configuration, errors);
    }
    for (const one of configuration.cases) {
      const agreement = new Agreement();
      const [a, b] = await Promise.all([left.play(one, agreement.end()), right.play(one, agreement.end())]);
      results.push(await settled(() => judge(one.name, 'case', a(), b(), one.differs ?? null)));
    }
    results.push(await settledStats(left, right, configuration.statsDiffer ?? null));
    const [logA, logB] = await Promise.all([left.finish(), right.finish()]);
    results.push(judge('access log', 'log', logA, logB, configuration.logDiffers ?? null));
    return results;
  } catch (error) {
    return allFailed(configuration, [`! ${String(error)}`]);
  } finally {
    await Promise.all(runs.map((run) => run.close()));
  }
}

/**
 * What differed is compared again, slower: both sides' timers run on a machine that does other things too. What really differs does so
 * again. One at a time: the speed is that of the process.
 */
export async function compareSlower(
  configuration: Configuration,
  sides: Sides,
  first: readonly Result[],
  tell: (differing: readonly Result[]) => void,
): Promise<readonly Result[]> {
  let results = first;
  for (const times of SLOWER) {
    const differing = results.filter((result) => result.verdict === 'different');
    if (differing.length === 0) break;
    tell(differing);
    setSlowMotion(times);
    results = await compareConfiguration(configuration, sides);
    setSlowMotion(1);
  }
  return results;
}

/** What differs wherever it happens, and is told for each configuration in which it does. */
const EVERYWHERE = /^[-+] http\.\w+\.downstream_cx_delayed_close_timeout: \d+$/;
const EVERYWHERE_REASON =
  'after an early answer Envoy says nothing and waits delayed_close_timeout for the client to close; Outrider sends FIN first (RFC 9112 §9.6), so that clients that wait for the end, as these here do, close in time';

async function settledStats(left: ConfigurationRun, right: ConfigurationRun, expected: Difference | null): Promise<Result> {
  const [a, b] = await Promise.all([left.restingStats(), right.restingStats()]);
  const result = judgeStats(a, b, expected);
  return result.verdict === 'different' ? settled(async () => judgeStats(await left.stats(), await right.stats(), expected)) : result;
}

/** Judges again as long as there is a difference: on a busy machine the last events may be told late. */
async function settled(look: () => Result | Promise<Result>): Promise<Result> {
  let result = await look();
  await reached(async () => {
    if (result.verdict === 'different') result = await look();
    return result.verdict !== 'different';
  }, SETTLE_MS);
  return result;
}

function judgeStats(left: string, right: string, expected: Difference | null): Result {
  const known = changes(left, right).filter((line) => EVERYWHERE.test(line));
  if (known.length === 0) return judge('statistics', 'stats', left, right, expected);
  const without = (text: string) => text.replace(/^http\.\w+\.downstream_cx_delayed_close_timeout: \d+\n?/gm, '');
  const rest = judge('statistics', 'stats', without(left), without(right), expected);
  if (rest.verdict === 'different') return rest;
  return {
    ...rest,
    verdict: 'explained',
    reason: [rest.reason, EVERYWHERE_REASON].filter((r) => r !== '').join('; '),
    diff: [...rest.diff, ...known],
  };
}

function judge(name: string, kind: Result['kind'], left: string, right: string, expected: Difference | null): Result {
  if (expected === null) {
    const equal = left === right;
    return { name, kind, verdict: equal ? 'equal' : 'different', reason: '', diff: equal ? [] : difference(left, right), left };
  }
  const actual = changes(left, right);
  const asExplained = actual.length === expected.changes.length && actual.every((line, i) => line === expected.changes[i]);
  if (asExplained) return { name, kind, verdict: 'explained', reason: expected.reason, diff: actual, left };
  const diff = ['! the difference is not the one that is explained as', `! ${expected.reason}`, ...difference(left, right)];
  return { name, kind, verdict: 'different', reason: expected.reason, diff, left };
}

function allFailed(configuration: Configuration, errors: readonly string[]): Result[] {
  const failed = (name: string, kind: Result['kind']): Result => ({ name, kind, verdict: 'different', reason: '', diff: errors, left: '' });
  return [...configuration.cases.map((c) => failed(c.name, 'case')), failed('statistics', 'stats'), failed('access log', 'log')];
}

/** Only what changed, with two lines around it. */
export function excerpt(diff: readonly string[]): string {
  const near = (i: number): boolean => {
    for (let j = Math.max(0, i - 2); j <= Math.min(diff.length - 1, i + 2); j++) if (!(diff[j] as string).startsWith('  ')) return true;
    return false;
  };
  return diff.filter((_line, i) => near(i)).join('\n');
}
