import { testArea } from './harness/area-test.ts';
import { happyEyeballs } from './scenarios/happy-eyeballs.ts';

testArea(happyEyeballs);
