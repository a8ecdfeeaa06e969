/** Node checks what is listened on by a regular expression that takes 4 ms to compile when it is first used. */
import { isIPv6 } from 'node:net';

/** Does that where a thread has time for it. */
export function compileAddressPatterns(): void {
  isIPv6('::1');
}
