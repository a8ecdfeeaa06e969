import { testArea } from './harness/area-test.ts';
import { tlsHttp2 } from './scenarios/tls-http2.ts';

testArea(tlsHttp2);
