import { testArea } from './harness/area-test.ts';
import { buffering } from './scenarios/buffering.ts';

testArea(buffering);
