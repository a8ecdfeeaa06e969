/** All areas of the comparison. */
import type { Area } from '../harness/scenario.ts';
import { routing } from './routing.ts';

export const areas: readonly Area[] = [routing];
