import { testArea } from './harness/area-test.ts';
import { retries } from './scenarios/retries.ts';

testArea(retries);
