import { testArea } from './harness/area-test.ts';
import { tls } from './scenarios/tls.ts';

testArea(tls);
