import { expect, test } from 'vitest';
import { QuerySteps } from '../../../../src/filters/http/header-mutation/query-steps.ts';
import type { QueryStepSettings } from '../../../../src/filters/http/header-mutation/settings.ts';
import { FormatContext, NO_ENVIRONMENT } from '../../../../src/http/format/operator.ts';
import { newStreamInfo } from '../../../support/hcm-rig.ts';

const apply = (path: string, ...steps: readonly [string, string, QueryStepSettings['action']][]) =>
  new QuerySteps(
    steps.map(([key, value, action]) => ({ key, value, action })),
    NO_ENVIRONMENT,
  ).apply(path, new FormatContext(newStreamInfo()));

test.each([
  ['/', [['a', '1', 'APPEND_IF_EXISTS_OR_ADD']], '/?a=1'],
  ['/?a=0', [['a', '1', 'APPEND_IF_EXISTS_OR_ADD']], '/?a=0&a=1'],
  ['/?a=0', [['a', '1', 'ADD_IF_ABSENT']], '/?a=0'],
  ['/?a=0&b=1&a=2', [['a', '9', 'OVERWRITE_IF_EXISTS_OR_ADD']], '/?a=9&b=1'],
  ['/?b=1', [['a', '9', 'OVERWRITE_IF_EXISTS']], '/?b=1'],
  ['/?a=1', [['a', '', 'REMOVE']], '/'],
  // Found by what it means, and what stays is not touched: a decoded blank would end the request line.
  ['/?%61=1&x=a%20b', [['a', '2', 'OVERWRITE_IF_EXISTS']], '/?a=2&x=a%20b'],
  ['/p?x=%0d%0ahost:%20evil', [['a', '1', 'ADD_IF_ABSENT']], '/p?a=1&x=%0d%0ahost:%20evil'],
] as const)('%s %j → %s', (path, steps, result) => {
  expect(apply(path, ...(steps as never as [string, string, QueryStepSettings['action']][]))).toBe(result);
});
