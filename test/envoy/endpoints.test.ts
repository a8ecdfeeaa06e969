import { testArea } from './harness/area-test.ts';
import { endpoints } from './scenarios/endpoints.ts';

testArea(endpoints);
