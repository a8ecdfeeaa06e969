import { testArea } from './harness/area-test.ts';
import { rewriting } from './scenarios/rewriting.ts';

testArea(rewriting);
