import { testArea } from './harness/area-test.ts';
import { fault } from './scenarios/fault.ts';

testArea(fault);
