import { testArea } from './harness/area-test.ts';
import { tlsKeys } from './scenarios/tls-keys.ts';

testArea(tlsKeys);
