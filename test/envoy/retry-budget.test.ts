import { testArea } from './harness/area-test.ts';
import { retryBudget } from './scenarios/retry-budget.ts';

testArea(retryBudget);
