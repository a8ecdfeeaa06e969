/** Which message types a configuration names in its Any fields, at any depth: the extensions that have to be loaded to compile it. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { decodedMessage } from '../config/any-message.ts';

/** In text, and in bytes: a type URL is a string there, which its length precedes and a field's tag follows. */
const TYPE_URL = /type\.googleapis\.com\/([A-Za-z0-9_.]+)/g;

export function namedTypes(root: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  const note = (text: string): void => {
    for (const [, name] of text.matchAll(TYPE_URL)) names.add(name!);
  };
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value === 'string') {
      if (value.includes('type.googleapis.com/')) note(value);
    } else if (value instanceof Uint8Array) {
      if (value.length > 0) note(Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1'));
    } else if (typeof value === 'object' && value !== null) {
      for (const key of Object.keys(value)) waiting.push((value as Record<string, unknown>)[key]);
      if ((value as { $typeName?: string }).$typeName === 'google.protobuf.Any') waiting.push(decodedMessage(value as Any));
    }
  }
  return names;
}
