/** All areas of the comparison. */
import type { Area } from '../harness/scenario.ts';
import { framing } from './framing.ts';
import { headers } from './headers.ts';
import { malformed } from './malformed.ts';
import { resilience } from './resilience.ts';
import { retries } from './retries.ts';
import { rewriting } from './rewriting.ts';
import { routing } from './routing.ts';
import { timeouts } from './timeouts.ts';

export const areas: readonly Area[] = [routing, rewriting, headers, retries, timeouts, resilience, framing, malformed];
