/** Between JSON and protobuf, by the descriptors of the configuration. Loaded with the filter only: it brings the protobuf library. */
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { PrintSettings } from './settings.ts';

/** A value of the path or the query for a field of the request. */
export interface Binding {
  readonly fields: readonly DescField[];
  readonly value: JsonValue;
}

export const HTTP_BODY = 'google.api.HttpBody';

export class TypeSet {
  readonly registry: FileRegistry;

  constructor(descriptors: Uint8Array) {
    this.registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  }

  message(name: string): DescMessage {
    return this.registry.getMessage(name)!;
  }
}

export function fieldNamed(type: DescMessage, name: string): DescField | undefined {
  return type.fields.find((field) => field.name === name || field.jsonName === name);
}

/** The fields on the way from `type` inwards; null if there is none of that name, or none that one value can be put into. */
export function resolveFields(type: DescMessage, names: readonly string[]): DescField[] | null {
  const fields: DescField[] = [];
  let at: DescMessage | undefined = type;
  for (const name of names) {
    const field: DescField | undefined = at === undefined ? undefined : fieldNamed(at, name);
    if (field === undefined || field.fieldKind === 'map') return null;
    fields.push(field);
    at = field.fieldKind === 'message' ? field.message : undefined;
  }
  return fields;
}

/** What the text of a path or query says as JSON for `field`. */
export function bindingValue(field: DescField, text: string, anyCase: boolean): JsonValue {
  const kind = field.fieldKind === 'list' ? field.listKind : field.fieldKind;
  if (kind === 'enum') return enumValue(field, text, anyCase);
  // ScalarType.BOOL
  if (kind === 'scalar' && field.scalar === 8 && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function enumValue(field: DescField, text: string, anyCase: boolean): JsonValue {
  if (/^-?\d+$/.test(text)) return Number(text);
  return anyCase ? canonicalEnum(field, text) : text;
}

function canonicalEnum(field: DescField, text: string): string {
  const upper = text.toUpperCase().replaceAll('-', '_');
  return field.enum?.values.find((value) => value.name.toUpperCase() === upper)?.name ?? text;
}

/** Enum names of any case → as they are declared, in place. */
export function fixEnums(type: DescMessage, json: JsonValue): void {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return;
  for (const [name, value] of Object.entries(json)) {
    const field = fieldNamed(type, name);
    if (field === undefined) continue;
    if (field.enum !== undefined && field.fieldKind !== 'map') {
      if (typeof value === 'string') json[name] = canonicalEnum(field, value);
      else if (Array.isArray(value)) json[name] = value.map((item) => (typeof item === 'string' ? canonicalEnum(field, item) : item));
    } else if (field.message !== undefined && field.fieldKind !== 'map') {
      for (const item of Array.isArray(value) ? value : [value]) fixEnums(field.message, item);
    }
  }
}

/** Puts bindings into `target`, but for what the body says itself. @returns what is wrong with them when none may contradict the body; '' = nothing */
export function bind(target: JsonObject, body: JsonObject, bindings: readonly Binding[]): string {
  let collision = '';
  for (const { fields, value } of bindings) {
    const there = valueAt(body, fields);
    const last = fields.at(-1)!;
    if (there !== undefined && last.fieldKind !== 'list') {
      if (String(there) !== String(value)) {
        const name = fields.map((field) => field.name).join('.');
        collision = `The binding value "${value}" of the field ${name} is conflicting with the value "${there}" in the body.`;
      }
      continue;
    }
    let at = target;
    for (const field of fields.slice(0, -1)) at = (at[field.jsonName] ??= {}) as JsonObject;
    if (last.fieldKind === 'list') at[last.jsonName] = [...((at[last.jsonName] ?? []) as JsonValue[]), value];
    else at[last.jsonName] = value;
  }
  return collision;
}

function valueAt(json: JsonObject, fields: readonly DescField[]): JsonValue | undefined {
  let at: JsonValue | undefined = json;
  for (const field of fields) {
    if (at === null || typeof at !== 'object' || Array.isArray(at)) return undefined;
    at = at[field.name] ?? at[field.jsonName];
  }
  return at;
}

/** JSON with its large numbers kept exact, as text. @throws SyntaxError */
export function parseJson(text: string): JsonValue {
  return JSON.parse(text, exact) as JsonValue;
}

function exact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || context?.source === undefined) return value;
  return /^-?\d+$/.test(context.source) ? context.source : value;
}

/** The body's fields and then the bound ones, in their order: parts of one message one after the other are that message. @throws Error if the JSON does not fit the type */
export function encodeMessage(types: TypeSet, type: DescMessage, body: JsonValue, bound: JsonObject): Uint8Array {
  const parts = [encode(types, type, body)];
  for (const [name, value] of Object.entries(bound)) parts.push(encode(types, type, { [name]: value }));
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function encode(types: TypeSet, type: DescMessage, json: JsonValue): Uint8Array {
  return toBinary(type, fromJson(type, json, { registry: types.registry, ignoreUnknownFields: true }));
}

/** @throws Error if the bytes are no such message */
export function printMessage(types: TypeSet, type: DescMessage, bytes: Uint8Array, print: PrintSettings): string {
  const json = toJson(type, fromBinary(type, bytes), {
    registry: types.registry,
    alwaysEmitImplicit: print.primitives,
    enumAsInteger: print.enumsAsInts,
    useProtoFieldName: print.protoNames,
  });
  return print.whitespace ? `${JSON.stringify(json, null, 1)}\n` : JSON.stringify(json);
}

export interface HttpBodyMessage {
  readonly contentType: string;
  readonly data: Buffer;
}

/** The google.api.HttpBody that a message is, or has as a field. @param field null = it is one @throws Error */
export function decodeHttpBody(types: TypeSet, type: DescMessage, field: DescField | null, bytes: Uint8Array): HttpBodyMessage {
  const whole = toJson(type, fromBinary(type, bytes), { registry: types.registry }) as JsonObject;
  const json = field === null ? whole : ((whole[field.jsonName] ?? {}) as JsonObject);
  return { contentType: String(json['contentType'] ?? ''), data: Buffer.from(String(json['data'] ?? ''), 'base64') };
}

/** Cuts the JSON array of a client stream into its elements. */
export class ArraySplitter {
  #text: string;
  #at: number;
  #depth: number;
  #inString: boolean;
  #from: number;
  #ended: boolean;

  constructor() {
    this.#text = '';
    this.#at = 0;
    this.#depth = 0;
    this.#inString = false;
    this.#from = 0;
    this.#ended = false;
  }

  /** Texts of the elements that are whole; null = this is no array. */
  feed(text: string): string[] | null {
    this.#text += text;
    const found: string[] = [];
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at]!;
      if (this.#inString) {
        if (char === '\\') this.#at++;
        else if (char === '"') this.#inString = false;
        continue;
      }
      if (char === ' ' || char === '\n' || char === '\r' || char === '\t') continue;
      if (this.#ended || (this.#depth === 0 && char !== '[')) return null;
      if (char === '"') this.#inString = true;
      else if (char === '{' || char === '[') {
        if (++this.#depth === 1) this.#from = this.#at + 1;
      } else if (char === '}' || char === ']') {
        if (--this.#depth > 0) continue;
        this.#take(found);
        this.#ended = true;
      } else if (char === ',' && this.#depth === 1) this.#take(found);
    }
    if (this.#from > 0) {
      this.#text = this.#text.slice(this.#from);
      this.#at -= this.#from;
      this.#from = 0;
    }
    return found;
  }

  get pending(): number {
    return this.#text.length;
  }

  /** The array has been closed, or nothing came at all. */
  get complete(): boolean {
    return this.#ended || this.#text.trim() === '';
  }

  #take(found: string[]): void {
    const text = this.#text.slice(this.#from, this.#at).trim();
    if (text !== '') found.push(text);
    this.#from = this.#at + 1;
  }
}
