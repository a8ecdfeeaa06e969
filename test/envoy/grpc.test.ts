import { testArea } from './harness/area-test.ts';
import { grpc } from './scenarios/grpc.ts';

testArea(grpc);
