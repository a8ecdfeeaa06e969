import { testArea } from './harness/area-test.ts';
import { admin } from './scenarios/admin.ts';

testArea(admin);
