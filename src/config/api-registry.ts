/** Descriptors of the Envoy API, from the set that scripts/build-api.ts made. */
import { readFileSync } from 'node:fs';
import { createFileRegistry, type DescExtension, type DescMessage, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

let loaded: FileRegistry | null = null;

/** Loaded on first use: it costs tens of milliseconds and megabytes. */
export function apiRegistry(): FileRegistry {
  loaded ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(new URL('./gen/envoy-api.binpb', import.meta.url))));
  return loaded;
}

/** @throws if the API has no such message: the name comes from our own code */
export function messageType(typeName: string): DescMessage {
  const desc = apiRegistry().getMessage(typeName);
  if (desc === undefined) throw new Error(`the Envoy API has no message ${typeName}`);
  return desc;
}

export function extension(typeName: string): DescExtension {
  const desc = apiRegistry().getExtension(typeName);
  if (desc === undefined) throw new Error(`the Envoy API has no option ${typeName}`);
  return desc;
}

/** Full names of all messages, for suggestions. */
export function* messageTypeNames(): Iterable<string> {
  for (const type of apiRegistry()) if (type.kind === 'message') yield type.typeName;
}

/** `type.googleapis.com/envoy.x.Y` → `envoy.x.Y`; null if there is no slash. */
export function typeNameOfUrl(url: string): string | null {
  const slash = url.lastIndexOf('/');
  return slash < 0 || slash === url.length - 1 ? null : url.slice(slash + 1);
}
