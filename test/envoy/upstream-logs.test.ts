import { testArea } from './harness/area-test.ts';
import { upstreamLogs } from './scenarios/upstream-logs.ts';

testArea(upstreamLogs);
