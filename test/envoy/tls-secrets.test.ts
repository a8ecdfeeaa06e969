import { testArea } from './harness/area-test.ts';
import { tlsSecrets } from './scenarios/tls-secrets.ts';

testArea(tlsSecrets);
