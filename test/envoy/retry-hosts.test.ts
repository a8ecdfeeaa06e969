import { testArea } from './harness/area-test.ts';
import { retryHosts } from './scenarios/retry-hosts.ts';

testArea(retryHosts);
