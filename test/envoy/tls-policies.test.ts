import { testArea } from './harness/area-test.ts';
import { tlsPolicies } from './scenarios/tls-policies.ts';

testArea(tlsPolicies);
