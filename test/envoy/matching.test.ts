import { testArea } from './harness/area-test.ts';
import { matching } from './scenarios/matching.ts';

testArea(matching);
