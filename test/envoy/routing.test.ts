import { testArea } from './harness/area-test.ts';
import { routing } from './scenarios/routing.ts';

testArea(routing);
