/**
 * Node's own modules, and CommonJS packages, as `require` gives them, at the moment they are needed. An `import` of one of Node's modules reads
 * every getter that it exports, and so loads what stands behind them: promises, web streams, undici (docs/decisions/007-memory.md has the figures).
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** For the large ones: `nodeModule<typeof import('node:http')>('node:http')`. Kept by Node, so asking again is cheap. */
export function nodeModule<M>(name: string): M {
  return require(name) as M;
}

/** `node:fs` without its promises. */
export const fs: typeof import('node:fs') = nodeModule('node:fs');
