/** The engine of regular expressions, loaded with the first one: most configurations have none. */
import type { RE2JS, RE2JSException } from 're2js';
import { nodeModule } from './node-module.ts';

export type { RE2JS };

interface Re2 {
  readonly RE2JS: typeof RE2JS;
  readonly RE2JSException: typeof RE2JSException;
}

export function re2(): Re2 {
  return nodeModule<Re2>('re2js');
}
