import { testArea } from './harness/area-test.ts';
import { tap } from './scenarios/tap.ts';

testArea(tap);
