import { testArea } from './harness/area-test.ts';
import { clusterPolicies } from './scenarios/cluster-policies.ts';

testArea(clusterPolicies);
