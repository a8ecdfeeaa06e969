import { testArea } from './harness/area-test.ts';
import { routeTrees } from './scenarios/route-trees.ts';

testArea(routeTrees);
