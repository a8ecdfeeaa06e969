import { testArea } from './harness/area-test.ts';
import { sessions } from './scenarios/sessions.ts';

testArea(sessions);
