import { testArea } from './harness/area-test.ts';
import { ratelimit } from './scenarios/ratelimit.ts';

testArea(ratelimit);
