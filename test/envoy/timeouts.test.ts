import { testArea } from './harness/area-test.ts';
import { timeouts } from './scenarios/timeouts.ts';

testArea(timeouts);
