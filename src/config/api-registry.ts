/**
 * Descriptors of the Envoy API, from the set that scripts/build-api.ts made. Of its 500 files a configuration needs a fifth, so each
 * is read when a type of it is first asked for.
 */
import { createFileRegistry, type DescExtension, type DescFile, type DescMessage, type DescService, fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { fs } from '../runtime/node-module.ts';
import { codeUrl } from '../runtime/package-root.ts';

/** What scripts/build-api.ts writes beside the set: where each file lies in it, and the full names that it declares. */
interface FileIndex {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly types: readonly string[];
}

type Declared = DescMessage | DescExtension | DescService;

export class ApiRegistry {
  readonly #set: Uint8Array;
  readonly #files = new Map<string, FileIndex>();
  /** Full name → file, of everything that can be asked for. */
  readonly #declaredIn = new Map<string, FileIndex>();
  readonly #loaded = new Map<string, DescFile>();
  readonly #types = new Map<string, Declared>();

  constructor(set: Uint8Array, index: readonly FileIndex[]) {
    this.#set = set;
    for (const file of index) {
      this.#files.set(file.name, file);
      for (const type of file.types) this.#declaredIn.set(type, file);
    }
  }

  getMessage(typeName: string): DescMessage | undefined {
    const type = this.#get(typeName);
    return type?.kind === 'message' ? type : undefined;
  }

  getExtension(typeName: string): DescExtension | undefined {
    const type = this.#get(typeName);
    return type?.kind === 'extension' ? type : undefined;
  }

  getService(typeName: string): DescService | undefined {
    const type = this.#get(typeName);
    return type?.kind === 'service' ? type : undefined;
  }

  /** Full names of all messages, extensions and services, whether loaded or not. */
  typeNames(): Iterable<string> {
    return this.#declaredIn.keys();
  }

  #get(typeName: string): Declared | undefined {
    const type = this.#types.get(typeName);
    if (type !== undefined) return type;
    const file = this.#declaredIn.get(typeName);
    if (file === undefined) return undefined;
    this.#load(file.name);
    return this.#types.get(typeName);
  }

  #load(name: string): void {
    if (this.#loaded.has(name)) return;
    const index = this.#files.get(name);
    if (index === undefined) throw new Error(`the Envoy API has no file ${name}`);
    const proto = fromBinary(FileDescriptorProtoSchema, this.#set.subarray(index.offset, index.offset + index.length));
    for (const dependency of proto.dependency) this.#load(dependency);
    // Names of publicly imported files are visible too.
    const visible = new Set<string>();
    for (const dependency of proto.dependency) this.#addVisible(dependency, visible);
    proto.dependency = [...visible];
    const desc = createFileRegistry(proto, (dependency) => this.#loaded.get(dependency)).getFile(name)!;
    // Cut off from its own imports, which the registry would otherwise walk again for every file that imports this one.
    this.#loaded.set(name, { ...desc, dependencies: [], toString: () => desc.toString() });
    for (const type of [...desc.extensions, ...desc.services]) this.#types.set(type.typeName, type);
    for (const message of desc.messages) this.#addMessage(message);
  }

  #addMessage(message: DescMessage): void {
    this.#types.set(message.typeName, message);
    for (const nested of message.nestedMessages) this.#addMessage(nested);
    for (const e of message.nestedExtensions) this.#types.set(e.typeName, e);
  }

  #addVisible(name: string, into: Set<string>): void {
    if (into.has(name)) return;
    into.add(name);
    const proto: FileDescriptorProto = this.#loaded.get(name)!.proto;
    for (const i of proto.publicDependency) this.#addVisible(proto.dependency[i]!, into);
  }
}

let registry: ApiRegistry | null = null;

export function apiRegistry(): ApiRegistry {
  if (registry !== null) return registry;
  const set = fs.readFileSync(codeUrl('config/gen/envoy-api.binpb'));
  registry = new ApiRegistry(
    // Not as a Buffer: every piece that the decoder cuts off it would be one too, which takes a tenth of the whole start.
    new Uint8Array(set.buffer, set.byteOffset, set.length),
    JSON.parse(fs.readFileSync(codeUrl('config/gen/envoy-api.index.json'), 'utf8')) as FileIndex[],
  );
  return registry;
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

/** Full names of all messages that may be meant by an `@type`, for suggestions. */
export function* messageTypeNames(): Iterable<string> {
  for (const name of apiRegistry().typeNames()) if (/\.[A-Z]\w*$/.test(name)) yield name;
}

/** `type.googleapis.com/envoy.x.Y` → `envoy.x.Y`; null if there is no slash. */
export function typeNameOfUrl(url: string): string | null {
  const slash = url.lastIndexOf('/');
  return slash < 0 || slash === url.length - 1 ? null : url.slice(slash + 1);
}
