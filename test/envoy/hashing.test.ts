import { testArea } from './harness/area-test.ts';
import { hashing } from './scenarios/hashing.ts';

testArea(hashing);
