import { testArea } from './harness/area-test.ts';
import { rbac } from './scenarios/rbac.ts';

testArea(rbac);
