import { testArea } from './harness/area-test.ts';
import { hedging } from './scenarios/hedging.ts';

testArea(hedging);
