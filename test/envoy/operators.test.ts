import { testArea } from './harness/area-test.ts';
import { operators } from './scenarios/operators.ts';

testArea(operators);
