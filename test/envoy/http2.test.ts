import { testArea } from './harness/area-test.ts';
import { http2 } from './scenarios/http2.ts';

testArea(http2);
