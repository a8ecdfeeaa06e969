import { testArea } from './harness/area-test.ts';
import { websocket } from './scenarios/websocket.ts';

testArea(websocket);
