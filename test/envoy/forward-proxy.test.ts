import { testArea } from './harness/area-test.ts';
import { forwardProxy } from './scenarios/forward-proxy.ts';

testArea(forwardProxy);
