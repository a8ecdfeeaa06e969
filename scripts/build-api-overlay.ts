/** Merges the table of newer Envoy API (build-api-overlay/*.txt) into a descriptor set. */
import { create } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type EnumDescriptorProto,
  EnumDescriptorProtoSchema,
  EnumValueDescriptorProtoSchema,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  type FileDescriptorSet,
  FieldDescriptorProto_Label as Label,
  OneofDescriptorProtoSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';

const SCALARS: Readonly<Record<string, Type>> = {
  bool: Type.BOOL,
  string: Type.STRING,
  bytes: Type.BYTES,
  int32: Type.INT32,
  int64: Type.INT64,
  uint32: Type.UINT32,
  uint64: Type.UINT64,
  float: Type.FLOAT,
  double: Type.DOUBLE,
};

interface Entry {
  readonly kind: 'message' | 'enum';
  readonly name: string;
  readonly items: string[][];
}

/** A message or enum of the set, with the file that holds it. */
interface Known {
  readonly file: FileDescriptorProto;
  readonly message: DescriptorProto | null;
  readonly enumeration: EnumDescriptorProto | null;
}

function parseTable(text: string): Entry[] {
  const entries: Entry[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('  ')) {
      const entry = entries.at(-1);
      for (const item of line.split(',')) if (item.trim() !== '') entry?.items.push(item.trim().split(' '));
      continue;
    }
    const [kind, name] = line.split(' ');
    if ((kind !== 'message' && kind !== 'enum') || name === undefined) throw new Error(`overlay: cannot read line: ${line}`);
    entries.push({ kind, name, items: [] });
  }
  // Parents first: a nested type needs its parent in place.
  return entries.sort((a, b) => a.name.split('.').length - b.name.split('.').length);
}

function isTypeName(part: string): boolean {
  return /^[A-Z]/.test(part);
}

function packageOf(typeName: string): string {
  const parts = typeName.split('.');
  return parts.slice(0, parts.findIndex(isTypeName)).join('.');
}

function snake(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

class Overlay {
  readonly #set: FileDescriptorSet;
  readonly #known = new Map<string, Known>();
  readonly #packages = new Set<string>();
  readonly #added: FileDescriptorProto[] = [];

  constructor(set: FileDescriptorSet) {
    this.#set = set;
    for (const file of set.file) {
      this.#packages.add(file.package);
      for (const message of file.messageType) this.#index(file, `${file.package}.${message.name}`, message);
      for (const e of file.enumType) this.#known.set(`${file.package}.${e.name}`, { file, message: null, enumeration: e });
    }
  }

  #index(file: FileDescriptorProto, name: string, message: DescriptorProto): void {
    this.#known.set(name, { file, message, enumeration: null });
    for (const nested of message.nestedType) this.#index(file, `${name}.${nested.name}`, nested);
    for (const e of message.enumType) this.#known.set(`${name}.${e.name}`, { file, message: null, enumeration: e });
  }

  /** Makes the type if it is new; an entirely new package gets one file, a new type of an old package its own. */
  declare(entry: Entry): void {
    if (this.#known.has(entry.name)) return;
    const dot = entry.name.lastIndexOf('.');
    const owner = entry.name.slice(0, dot);
    const name = entry.name.slice(dot + 1);
    const parent = this.#known.get(owner);
    if (parent?.message === null || (parent === undefined && isTypeName(owner.split('.').at(-1) ?? ''))) {
      throw new Error(`overlay: ${entry.name} has no parent`);
    }
    const file = parent?.file ?? this.#newFile(packageOf(entry.name), name);
    if (entry.kind === 'message') {
      const message = create(DescriptorProtoSchema, { name });
      (parent?.message?.nestedType ?? file.messageType).push(message);
      this.#known.set(entry.name, { file, message, enumeration: null });
    } else {
      const enumeration = create(EnumDescriptorProtoSchema, { name });
      (parent?.message?.enumType ?? file.enumType).push(enumeration);
      this.#known.set(entry.name, { file, message: null, enumeration });
    }
  }

  #newFile(pkg: string, typeName: string): FileDescriptorProto {
    const parts = pkg.split('.');
    const base = this.#packages.has(pkg) ? snake(typeName) : (parts.findLast((p) => !/^v\d/.test(p)) ?? 'api');
    const name = `${parts.join('/')}/${base}.proto`;
    const existing = this.#set.file.find((f) => f.name === name);
    if (existing !== undefined) return existing;
    const file = create(FileDescriptorProtoSchema, { name, package: pkg, syntax: 'proto3' });
    this.#set.file.push(file);
    this.#added.push(file);
    return file;
  }

  /** A new type that refers back to the file which uses it moves into that file. */
  mergeCycles(): void {
    for (const added of this.#added) {
      const host = this.#set.file.find((f) => f !== added && this.#reaches(f, added.name) && this.#reaches(added, f.name));
      if (host === undefined) continue;
      host.messageType.push(...added.messageType);
      host.enumType.push(...added.enumType);
      this.#set.file.splice(this.#set.file.indexOf(added), 1);
      host.dependency.push(...added.dependency);
      for (const file of this.#set.file) {
        const names = file.dependency.map((d) => (d === added.name ? host.name : d));
        // Public and weak dependencies are indices into this list: only its end may change.
        file.dependency = names.filter((d, i) => d !== file.name && names.indexOf(d) === i);
      }
    }
  }

  #reaches(from: FileDescriptorProto, name: string, seen = new Set<string>()): boolean {
    for (const d of from.dependency) {
      if (d === name) return true;
      if (seen.has(d)) continue;
      seen.add(d);
      const file = this.#set.file.find((f) => f.name === d);
      if (file !== undefined && this.#reaches(file, name, seen)) return true;
    }
    return false;
  }

  fill(entry: Entry): void {
    const known = this.#known.get(entry.name);
    if (known?.enumeration) {
      for (const [name, number] of entry.items) {
        if (known.enumeration.value.some((v) => v.name === name)) continue;
        known.enumeration.value.push(create(EnumValueDescriptorProtoSchema, { name: name ?? '', number: Number(number) }));
      }
      return;
    }
    const message = known?.message;
    if (!known || !message) throw new Error(`overlay: ${entry.name} is not a message`);
    for (const [label, number, type] of entry.items) {
      if (label === undefined || number === undefined || type === undefined) throw new Error(`overlay: bad field in ${entry.name}`);
      const slash = label.indexOf('/');
      const name = label.slice(slash + 1);
      if (message.field.some((f) => f.name === name)) continue;
      const field = create(FieldDescriptorProtoSchema, { name, number: Number(number), label: Label.OPTIONAL, jsonName: jsonName(name) });
      if (slash >= 0) field.oneofIndex = this.#oneof(message, label.slice(0, slash));
      this.#setType(field, type, entry.name, known.file, message);
      message.field.push(field);
    }
  }

  #oneof(message: DescriptorProto, name: string): number {
    const at = message.oneofDecl.findIndex((o) => o.name === name);
    return at >= 0 ? at : message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name })) - 1;
  }

  #setType(field: FieldDescriptorProto, type: string, scope: string, file: FileDescriptorProto, message: DescriptorProto): void {
    if (type.startsWith('*')) {
      field.label = Label.REPEATED;
      this.#setType(field, type.slice(1), scope, file, message);
      return;
    }
    if (type.startsWith('map<')) {
      const entryName = `${field.jsonName[0]?.toUpperCase()}${field.jsonName.slice(1)}Entry`;
      const key = create(FieldDescriptorProtoSchema, { name: 'key', number: 1, label: Label.OPTIONAL, type: Type.STRING, jsonName: 'key' });
      const value = create(FieldDescriptorProtoSchema, { name: 'value', number: 2, label: Label.OPTIONAL, jsonName: 'value' });
      this.#setType(value, type.slice(4, -1), scope, file, message);
      message.nestedType.push(create(DescriptorProtoSchema, { name: entryName, field: [key, value], options: { mapEntry: true } }));
      field.label = Label.REPEATED;
      field.type = Type.MESSAGE;
      field.typeName = `.${scope}.${entryName}`;
      return;
    }
    const scalar = SCALARS[type];
    if (scalar !== undefined) {
      field.type = scalar;
      return;
    }
    const [fullName, found] = this.#resolve(type, scope);
    field.type = found.message ? Type.MESSAGE : Type.ENUM;
    field.typeName = `.${fullName}`;
    if (found.file !== file && !file.dependency.includes(found.file.name)) file.dependency.push(found.file.name);
  }

  #resolve(type: string, scope: string): [string, Known] {
    const parts = scope.split('.');
    for (let n = parts.length; n >= 0; n--) {
      const name = [...parts.slice(0, n), type].join('.');
      const found = this.#known.get(name);
      if (found !== undefined) return [name, found];
    }
    const name = `google.protobuf.${type}`;
    const found = this.#known.get(name);
    if (found === undefined) throw new Error(`overlay: ${scope} names an unknown type ${type}`);
    return [name, found];
  }
}

function jsonName(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
}

/** Files so that each comes after those that it imports; a cycle is an error of the table. */
function sortFiles(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const byName = new Map(files.map((f) => [f.name, f]));
  const done = new Set<string>();
  const open = new Set<string>();
  const sorted: FileDescriptorProto[] = [];
  const visit = (file: FileDescriptorProto): void => {
    if (done.has(file.name)) return;
    if (open.has(file.name)) throw new Error(`overlay: import cycle through ${[...open].join(' ')}`);
    open.add(file.name);
    for (const d of file.dependency) {
      const dependency = byName.get(d);
      if (dependency !== undefined) visit(dependency);
    }
    open.delete(file.name);
    done.add(file.name);
    sorted.push(file);
  };
  for (const file of files) visit(file);
  return sorted;
}

/**
 * @param set changed in place
 * @param tables the texts of build-api-overlay/*.txt
 */
export function applyOverlay(set: FileDescriptorSet, tables: readonly string[]): void {
  const entries = tables.flatMap(parseTable).sort((a, b) => a.name.split('.').length - b.name.split('.').length);
  const overlay = new Overlay(set);
  for (const entry of entries) overlay.declare(entry);
  for (const entry of entries) overlay.fill(entry);
  overlay.mergeCycles();
  set.file = sortFiles(set.file);
}
