import { testArea } from './harness/area-test.ts';
import { framing } from './scenarios/framing.ts';

testArea(framing);
