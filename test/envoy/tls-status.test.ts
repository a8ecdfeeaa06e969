import { testArea } from './harness/area-test.ts';
import { tlsStatus } from './scenarios/tls-status.ts';

testArea(tlsStatus);
