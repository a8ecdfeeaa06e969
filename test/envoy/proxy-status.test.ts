import { testArea } from './harness/area-test.ts';
import { proxyStatus } from './scenarios/proxy-status.ts';

testArea(proxyStatus);
