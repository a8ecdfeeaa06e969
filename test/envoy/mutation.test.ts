import { testArea } from './harness/area-test.ts';
import { mutation } from './scenarios/mutation.ts';

testArea(mutation);
