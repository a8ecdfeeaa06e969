import { testArea } from './harness/area-test.ts';
import { tracers } from './scenarios/tracers.ts';

testArea(tracers);
