import { testArea } from './harness/area-test.ts';
import { logServices } from './scenarios/log-services.ts';

testArea(logServices);
