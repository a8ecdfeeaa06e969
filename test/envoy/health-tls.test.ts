import { testArea } from './harness/area-test.ts';
import { healthTls } from './scenarios/health-tls.ts';

testArea(healthTls);
