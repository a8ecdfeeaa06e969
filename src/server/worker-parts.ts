/** What the composition root on a worker gives to network filters besides their common dependencies. */
import type { HcmParts } from '../filters/network/http-connection-manager/filter.ts';

export interface WorkerParts extends HcmParts {}
