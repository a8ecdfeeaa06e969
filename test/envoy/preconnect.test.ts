import { testArea } from './harness/area-test.ts';
import { preconnect } from './scenarios/preconnect.ts';

testArea(preconnect);
