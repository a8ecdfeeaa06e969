import { testArea } from './harness/area-test.ts';
import { internalRedirects } from './scenarios/internal-redirects.ts';

testArea(internalRedirects);
