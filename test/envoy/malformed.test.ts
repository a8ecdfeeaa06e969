import { testArea } from './harness/area-test.ts';
import { malformed } from './scenarios/malformed.ts';

testArea(malformed);
