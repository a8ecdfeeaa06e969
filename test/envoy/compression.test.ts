import { testArea } from './harness/area-test.ts';
import { compression } from './scenarios/compression.ts';

testArea(compression);
