/**
 * Node's own modules, and CommonJS packages, as `require` gives them, at the moment they are needed. An `import` of one of Node's modules reads
 * every getter that it exports, and so loads what stands behind them: promises, web streams, undici (docs/decisions/007-memory.md has the figures).
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** What has been asked for: Node keeps it too, but looking there takes microseconds. */
const known = new Map<string, unknown>();

/** For the large ones: `nodeModule<typeof import('node:http')>('node:http')`. */
export function nodeModule<M>(name: string): M {
  let found = known.get(name);
  if (found === undefined) {
    found = require(name) as unknown;
    known.set(name, found);
  }
  return found as M;
}

/** `node:fs` without its promises. */
export const fs: typeof import('node:fs') = nodeModule('node:fs');
