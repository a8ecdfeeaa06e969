import { testArea } from './harness/area-test.ts';
import { tracing } from './scenarios/tracing.ts';

testArea(tracing);
