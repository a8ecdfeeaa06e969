import { testArea } from './harness/area-test.ts';
import { overload } from './scenarios/overload.ts';

testArea(overload);
