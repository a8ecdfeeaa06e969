import { testArea } from './harness/area-test.ts';
import { paths } from './scenarios/paths.ts';

testArea(paths);
