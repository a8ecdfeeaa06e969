import { testArea } from './harness/area-test.ts';
import { topology } from './scenarios/topology.ts';

testArea(topology);
