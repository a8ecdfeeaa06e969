import { testArea } from './harness/area-test.ts';
import { browsers } from './scenarios/browsers.ts';

testArea(browsers);
