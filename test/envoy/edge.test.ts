import { testArea } from './harness/area-test.ts';
import { edge } from './scenarios/edge.ts';

testArea(edge);
