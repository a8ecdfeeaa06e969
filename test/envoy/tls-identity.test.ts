import { testArea } from './harness/area-test.ts';
import { tlsIdentity } from './scenarios/tls-identity.ts';

testArea(tlsIdentity);
