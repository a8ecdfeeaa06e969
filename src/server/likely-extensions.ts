/** Which extensions a bootstrap probably has, by a glance at its text: workers load them while it is compiled. */
import { fs } from '../runtime/node-module.ts';

/** In YAML and JSON, and in bytes, where a type URL is a string too. */
const TYPE_URL = /type\.googleapis\.com\/([A-Za-z0-9_.]+)/g;
/** Compiling a larger file takes so long that nothing else counts. */
const LARGEST_BYTES = 1024 * 1024;

/** @returns full names of messages, whether they are extensions or not */
export function likelyExtensions(path: string | null, yaml: string | null): readonly string[] {
  const names = new Set<string>();
  for (const text of [path === null ? '' : textOf(path), yaml ?? '']) {
    for (const [, name] of text.matchAll(TYPE_URL)) names.add(name!);
  }
  return [...names];
}

/** '' if it cannot be read: that is said by who compiles it. A pipe gives what it has once only. */
function textOf(path: string): string {
  try {
    const found = fs.statSync(path);
    return found.isFile() && found.size <= LARGEST_BYTES ? fs.readFileSync(path, 'latin1') : '';
  } catch {
    return '';
  }
}
