import { testArea } from './harness/area-test.ts';
import { mirroring } from './scenarios/mirroring.ts';

testArea(mirroring);
