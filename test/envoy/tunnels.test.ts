import { testArea } from './harness/area-test.ts';
import { tunnels } from './scenarios/tunnels.ts';

testArea(tunnels);
