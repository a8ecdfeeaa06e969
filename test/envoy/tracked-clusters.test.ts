import { testArea } from './harness/area-test.ts';
import { trackedClusters } from './scenarios/tracked-clusters.ts';

testArea(trackedClusters);
