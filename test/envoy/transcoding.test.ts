import { testArea } from './harness/area-test.ts';
import { transcoding } from './scenarios/transcoding.ts';

testArea(transcoding);
