import { testArea } from './harness/area-test.ts';
import { ownPools } from './scenarios/own-pools.ts';

testArea(ownPools);
