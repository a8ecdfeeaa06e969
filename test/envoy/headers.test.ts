import { testArea } from './harness/area-test.ts';
import { headers } from './scenarios/headers.ts';

testArea(headers);
