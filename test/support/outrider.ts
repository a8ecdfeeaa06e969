/** The program under test, as a user starts it. */
import { fileURLToPath } from 'node:url';

/** Path of `bin/outrider`; OUTRIDER_BINARY names another one to test, an installed package for example. */
export function findOutrider(): string {
  return process.env['OUTRIDER_BINARY'] ?? fileURLToPath(new URL('../../bin/outrider', import.meta.url));
}
