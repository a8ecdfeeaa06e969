import { testArea } from './harness/area-test.ts';
import { stats } from './scenarios/stats.ts';

testArea(stats);
