import { testArea } from './harness/area-test.ts';
import { tlsTickets } from './scenarios/tls-tickets.ts';

testArea(tlsTickets);
