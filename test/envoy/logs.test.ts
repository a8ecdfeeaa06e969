import { testArea } from './harness/area-test.ts';
import { logs } from './scenarios/logs.ts';

testArea(logs);
