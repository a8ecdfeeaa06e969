/** google.protobuf.Any with the decoded message kept beside it, so that unpacking what came from a document costs nothing. */
import { create, type Message, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { apiRegistry } from './api-registry.ts';

const DECODED = Symbol('decoded message');

interface HoldsMessage {
  [DECODED]?: Message;
}

/** An Any whose bytes are made only if someone asks for them (`anyBytes`). */
export function packDecoded(typeUrl: string, message: Message): Any {
  const any = create(AnySchema);
  any.typeUrl = typeUrl;
  (any as HoldsMessage)[DECODED] = message;
  return any;
}

export function decodedMessage(any: Any): Message | null {
  return (any as HoldsMessage)[DECODED] ?? null;
}

export function rememberDecoded(any: Any, message: Message): void {
  (any as HoldsMessage)[DECODED] = message;
}

/** Wire form of the message in `any`. */
export function anyBytes(any: Any): Uint8Array {
  const decoded = decodedMessage(any);
  if (decoded === null || any.value.length > 0) return any.value;
  const desc = apiRegistry().getMessage(decoded.$typeName);
  if (desc === undefined) throw new Error(`the Envoy API has no message ${decoded.$typeName}`);
  // Any values inside it may be without bytes too.
  fillBytes(decoded);
  return toBinary(desc, decoded);
}

function fillBytes(value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if ((value as { $typeName?: string }).$typeName === 'google.protobuf.Any') {
    const any = value as Any;
    any.value = anyBytes(any);
    return;
  }
  for (const child of Object.values(value)) fillBytes(child);
}
