import { testArea } from './harness/area-test.ts';
import { tcp } from './scenarios/tcp.ts';

testArea(tcp);
