import { testArea } from './harness/area-test.ts';
import { health } from './scenarios/health.ts';

testArea(health);
