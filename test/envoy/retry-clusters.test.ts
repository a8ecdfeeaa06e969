import { testArea } from './harness/area-test.ts';
import { retryClusters } from './scenarios/retry-clusters.ts';

testArea(retryClusters);
