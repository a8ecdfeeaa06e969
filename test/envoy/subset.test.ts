import { testArea } from './harness/area-test.ts';
import { subset } from './scenarios/subset.ts';

testArea(subset);
