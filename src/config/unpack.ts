/** The message inside a google.protobuf.Any, from a document or from the wire. */
import { fromBinary, type Message } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { decodedMessage, rememberDecoded } from './any-message.ts';
import { apiRegistry, typeNameOfUrl } from './api-registry.ts';
import { Decoder } from './decode.ts';
import type { JsonValue } from './json-value.ts';
import { messagePlan } from './message-plan.ts';
import { formatPath } from './path.ts';

/** Either the message or why there is none. */
export type Unpacked = { readonly message: Message } | { readonly failure: string };

/** Unpacking the same Any again returns the same message. */
export function unpackAny(any: Any): Unpacked {
  const decoded = decodedMessage(any);
  if (decoded !== null) return { message: decoded };
  const typeName = typeNameOfUrl(any.typeUrl);
  const desc = typeName === null ? undefined : apiRegistry().getMessage(typeName);
  if (desc === undefined) return { failure: any.typeUrl === '' ? 'missing "@type"' : `unknown type "${typeName ?? any.typeUrl}"` };
  let message: Message;
  try {
    message = fromBinary(desc, any.value);
  } catch (error) {
    return { failure: `cannot be decoded as ${typeName}: ${(error as Error).message}` };
  }
  if (typeName === 'xds.type.v3.TypedStruct' || typeName === 'udpa.type.v1.TypedStruct') {
    const unpacked = fromTypedStruct(message as unknown as { typeUrl: string; value?: JsonValue });
    if ('failure' in unpacked) return unpacked;
    message = unpacked.message;
  }
  rememberDecoded(any, message);
  return { message };
}

function fromTypedStruct(typed: { typeUrl: string; value?: JsonValue }): Unpacked {
  const typeName = typeNameOfUrl(typed.typeUrl) ?? typed.typeUrl;
  const desc = apiRegistry().getMessage(typeName);
  if (desc === undefined) return { failure: `unknown type "${typeName}"` };
  const failures: string[] = [];
  const add = (path: Parameters<typeof formatPath>[0], message: string): void => {
    failures.push(`${formatPath(path)}: ${message}`);
  };
  const message = new Decoder({ error: add, unknownField: add }).decode(messagePlan(desc), typed.value ?? {});
  return failures.length > 0 ? { failure: failures.join('; ') } : { message };
}
