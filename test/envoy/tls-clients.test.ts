import { testArea } from './harness/area-test.ts';
import { tlsClients } from './scenarios/tls-clients.ts';

testArea(tlsClients);
