import { testArea } from './harness/area-test.ts';
import { http2Upstream } from './scenarios/http2-upstream.ts';

testArea(http2Upstream);
