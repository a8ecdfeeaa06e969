import { testArea } from './harness/area-test.ts';
import { outlier } from './scenarios/outlier.ts';

testArea(outlier);
