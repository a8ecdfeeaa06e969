import { testArea } from './harness/area-test.ts';
import { proxyProtocol } from './scenarios/proxy-protocol.ts';

testArea(proxyProtocol);
