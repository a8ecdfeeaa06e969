import { testArea } from './harness/area-test.ts';
import { resilience } from './scenarios/resilience.ts';

testArea(resilience);
