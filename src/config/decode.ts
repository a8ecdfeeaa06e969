/**
 * Plain JSON value → protobuf message, guided by the descriptors, reporting every error with its path. It takes what the JSON reader
 * of Envoy's protobuf library takes: both spellings of a field, a single value for a list, enum names in any case, numbers as strings.
 */
import { create, type DescEnum, type Message } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { packDecoded } from './any-message.ts';
import { apiRegistry, messageTypeNames, typeNameOfUrl } from './api-registry.ts';
import { decodeDuration, decodeScalar, describe, Refused } from './decode-scalar.ts';
import { type JsonValue, setKey } from './json-value.ts';
import { type AnyMessage, type FieldPlan, Kind, type MessagePlan, messagePlan, Special } from './message-plan.ts';
import { MapKey, type PathSegment } from './path.ts';
import { didYouMean, nearestName } from './suggest.ts';

type JsonMap = { [key: string]: JsonValue };

/** Told of each thing that could not be decoded; `path` is only valid during the call. */
export interface DecodeReporter {
  error(path: readonly PathSegment[], message: string): void;
  /** An unknown field: an error, unless such are allowed. `meant` is the field that is probably meant. */
  unknownField(path: readonly PathSegment[], message: string, meant: string | null): void;
}

const TYPED_STRUCTS = new Set(['xds.type.v3.TypedStruct', 'udpa.type.v1.TypedStruct']);

/** Decoding of a field failed; the problem is already reported. */
const FAILED = Symbol('failed');

export class Decoder {
  readonly #report: DecodeReporter;
  readonly #path: PathSegment[];

  constructor(report: DecodeReporter, path: readonly PathSegment[] = []) {
    this.#report = report;
    this.#path = [...path];
  }

  /** @returns what could be decoded; whether that was everything, the reporter knows */
  decode(plan: MessagePlan, value: JsonValue): Message {
    const message = value === null ? this.#fail(`expected a map (${plan.typeName}), got null`) : this.#message(plan, value);
    return message === FAILED ? create(plan.desc) : message;
  }

  #fail(message: string): typeof FAILED {
    this.#report.error(this.#path, message);
    return FAILED;
  }

  #message(plan: MessagePlan, value: JsonValue, skipType = false): Message | typeof FAILED {
    if (plan.special !== Special.None) return this.#special(plan, value);
    if (value === null) return create(plan.desc);
    if (typeof value !== 'object' || Array.isArray(value)) return this.#fail(`expected a map (${plan.typeName}), got ${describe(value)}`);
    const message = create(plan.desc) as Message & AnyMessage;
    this.#fields(plan, message, value, skipType);
    return message;
  }

  #fields(plan: MessagePlan, message: AnyMessage, value: JsonMap, skipType: boolean): void {
    const path = this.#path;
    for (const key in value) {
      const field = plan.byName.get(key);
      if (field === undefined) {
        if (skipType && key === '@type') continue;
        path.push(key);
        const names = plan.fields.map((f) => f.name);
        const hint = key === '<<' ? '; Envoy reads YAML without merge keys' : didYouMean(key, names);
        this.#report.unknownField(path, `unknown field${hint}`, nearestName(key, names));
        path.pop();
        continue;
      }
      const given = value[key]!;
      // null is "not set", except for a field that can hold it.
      if (given === null && !(field.kind === Kind.Message && !field.list && !field.map && field.message.special === Special.Value))
        continue;
      path.push(field.name);
      this.#set(message, field, given);
      path.pop();
    }
  }

  #set(message: AnyMessage, field: FieldPlan, given: JsonValue): void {
    if (field.list) {
      this.#list(message[field.localName] as unknown[], field, given);
    } else if (field.map) {
      this.#map(message[field.localName] as JsonMap, field, given);
    } else if (field.oneof !== null) {
      const member = message[field.oneof.localName] as { case: string | undefined };
      if (member.case !== undefined && member.case !== field.localName) {
        const other = field.oneof.fields.find((f) => f.localName === member.case);
        this.#fail(`cannot be set together with "${other?.name}"`);
        return;
      }
      const value = this.#single(field, given);
      if (value !== FAILED) message[field.oneof.localName] = { case: field.localName, value };
    } else {
      const value = this.#single(field, given);
      if (value !== FAILED) message[field.localName] = value;
    }
  }

  #list(into: unknown[], field: FieldPlan, given: JsonValue): void {
    const path = this.#path;
    if (!Array.isArray(given)) {
      path.push(into.length);
      const value = this.#single(field, given);
      path.pop();
      if (value !== FAILED) into.push(value);
      return;
    }
    for (let i = 0; i < given.length; i++) {
      const item = given[i]!;
      // Envoy's reader flattens a list within a list.
      if (Array.isArray(item) && field.kind !== Kind.Struct && !(field.kind === Kind.Message && field.message.special !== Special.None)) {
        this.#list(into, field, item);
        continue;
      }
      path.push(i);
      const value = this.#single(field, item);
      path.pop();
      // An item that failed keeps its place, so that the paths of later problems stay right.
      into.push(value === FAILED ? placeholder(field) : value);
    }
  }

  #map(into: { [key: string]: unknown }, field: FieldPlan, given: JsonValue): void {
    if (given === null || typeof given !== 'object' || Array.isArray(given)) {
      this.#fail(`expected a map, got ${describe(given)}`);
      return;
    }
    for (const key of Object.keys(given)) {
      this.#path.push(new MapKey(key));
      const value = this.#single(field, given[key]!);
      this.#path.pop();
      if (value !== FAILED) setKey(into, key, value);
    }
  }

  #single(field: FieldPlan, given: JsonValue): unknown {
    switch (field.kind) {
      case Kind.Scalar: {
        const value = decodeScalar(field.scalar, given);
        return value instanceof Refused ? this.#fail(value.reason) : value;
      }
      case Kind.Enum:
        return this.#enum(field.enumeration!, given);
      case Kind.Wrapper:
        return this.#wrapped(field.scalar, given);
      case Kind.Struct:
        return given !== null && typeof given === 'object' && !Array.isArray(given)
          ? given
          : this.#fail(`expected a map, got ${describe(given)}`);
      default:
        return this.#message(field.message, given);
    }
  }

  #wrapped(scalar: FieldPlan['scalar'], given: JsonValue): unknown {
    // `{value: 5}` is not proto3 JSON, but Envoy takes it.
    if (given !== null && typeof given === 'object' && !Array.isArray(given)) {
      const names = Object.keys(given);
      if (names.length === 1 && names[0] === 'value') return this.#wrapped(scalar, given['value']!);
    }
    const value = decodeScalar(scalar, given);
    return value instanceof Refused ? this.#fail(value.reason) : value;
  }

  #enum(type: DescEnum, given: JsonValue): number | typeof FAILED {
    if (typeof given === 'string') {
      const number = enumNames(type).get(given.toUpperCase());
      if (number !== undefined) return number;
      if (!/^-?\d+$/.test(given)) {
        return this.#fail(`unknown value ${JSON.stringify(given)} of ${type.typeName}${oneOf(given, type)}`);
      }
      return Number(given);
    }
    if (typeof given === 'number' && Number.isInteger(given)) return given;
    if (given === null) return 0;
    return this.#fail(`expected one of ${type.values.map((v) => v.name).join(', ')}, got ${describe(given)}`);
  }

  #special(plan: MessagePlan, value: JsonValue): Message | typeof FAILED {
    switch (plan.special) {
      case Special.Any:
        return this.#any(value);
      case Special.Duration:
        return this.#duration(plan, value);
      case Special.Timestamp: {
        const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
        if (Number.isNaN(ms)) return this.#fail(`expected a time such as "2024-01-31T12:00:00Z", got ${describe(value)}`);
        return create(plan.desc, { seconds: BigInt(Math.floor(ms / 1000)), nanos: (((ms % 1000) + 1000) % 1000) * 1e6 } as never);
      }
      case Special.FieldMask:
        if (typeof value !== 'string') return this.#fail(`expected field names joined by commas, got ${describe(value)}`);
        return create(plan.desc, { paths: value === '' ? [] : value.split(',').map(snakeCase) } as never);
      case Special.Wrapper: {
        const inner = this.#wrapped(plan.fields[0]!.scalar, value);
        return inner === FAILED ? FAILED : create(plan.desc, { value: inner } as never);
      }
      default:
        return this.#jsonMessage(plan, value);
    }
  }

  #duration(plan: MessagePlan, value: JsonValue): Message | typeof FAILED {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      const message = create(plan.desc) as Message & AnyMessage;
      this.#fields(plan, message, value, false);
      return message;
    }
    const duration = decodeDuration(value);
    return duration instanceof Refused ? this.#fail(duration.reason) : create(plan.desc, duration as never);
  }

  /** Struct, Value and ListValue as messages of their own: only inside other such and in Any. */
  #jsonMessage(plan: MessagePlan, value: JsonValue): Message | typeof FAILED {
    if (plan.special === Special.Value) return jsonToValue(value);
    if (plan.special === Special.ListValue) {
      if (!Array.isArray(value)) return this.#fail(`expected a list, got ${describe(value)}`);
      return create(plan.desc, { values: value.map(jsonToValue) } as never);
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return this.#fail(`expected a map, got ${describe(value)}`);
    return jsonToStruct(value);
  }

  #any(value: JsonValue): Any | typeof FAILED {
    if (value === null) return create(AnySchema);
    if (typeof value !== 'object' || Array.isArray(value)) return this.#fail(`expected a map with "@type", got ${describe(value)}`);
    const url = value['@type'];
    if (typeof url !== 'string') {
      if (url === undefined && Object.keys(value).length === 0) return create(AnySchema);
      return this.#fail('missing "@type", the type of this configuration, as in "type.googleapis.com/…"');
    }
    const typeName = typeNameOfUrl(url);
    if (typeName === null) return this.#fail(`"@type" must be an URL such as "type.googleapis.com/${url}"`);
    const desc = apiRegistry().getMessage(typeName);
    if (desc === undefined) {
      this.#path.push('@type');
      this.#fail(`unknown type "${typeName}"${suggestType(typeName)}`);
      this.#path.pop();
      return FAILED;
    }
    if (TYPED_STRUCTS.has(typeName)) return this.#typedStruct(value);
    const plan = messagePlan(desc);
    const message = plan.special === Special.None ? this.#message(plan, value, true) : this.#anyOfSpecial(plan, value);
    return message === FAILED ? FAILED : packDecoded(url, message);
  }

  #anyOfSpecial(plan: MessagePlan, value: JsonMap): Message | typeof FAILED {
    this.#path.push('value');
    const message = value['value'] === undefined ? create(plan.desc) : this.#special(plan, value['value']);
    this.#path.pop();
    return message;
  }

  /** The Struct in a TypedStruct is the JSON form of the named message: Envoy converts it when it looks for the extension. */
  #typedStruct(value: JsonMap): Any | typeof FAILED {
    const url = value['type_url'] ?? value['typeUrl'];
    const typeName = typeof url === 'string' ? (typeNameOfUrl(url) ?? url) : null;
    const desc = typeName === null ? undefined : apiRegistry().getMessage(typeName);
    if (desc === undefined) {
      this.#path.push('type_url');
      this.#fail(
        typeName === null ? 'missing: a TypedStruct names the type of its value' : `unknown type "${typeName}"${suggestType(typeName)}`,
      );
      this.#path.pop();
      return FAILED;
    }
    this.#path.push('value');
    const message = this.#message(messagePlan(desc), value['value'] ?? {});
    this.#path.pop();
    return message === FAILED ? FAILED : packDecoded(`type.googleapis.com/${typeName}`, message);
  }
}

function placeholder(field: FieldPlan): unknown {
  switch (field.kind) {
    case Kind.Message:
      return create(field.message.desc);
    case Kind.Struct:
      return {};
    case Kind.Enum:
      return 0;
    default:
      return typeof decodeScalar(field.scalar, '0') === 'number' ? 0 : '';
  }
}

const enumTables = new WeakMap<DescEnum, Map<string, number>>();

function enumNames(type: DescEnum): Map<string, number> {
  let names = enumTables.get(type);
  if (names === undefined) {
    names = new Map(type.values.map((v) => [v.name.toUpperCase(), v.number]));
    enumTables.set(type, names);
  }
  return names;
}

function oneOf(given: string, type: DescEnum): string {
  const names = type.values.map((v) => v.name);
  return didYouMean(given, names) || `; one of ${names.join(', ')}`;
}

/** Also finds the right version or package of a well-known last part: most wrong types are old ones. */
function suggestType(typeName: string): string {
  const last = typeName.slice(typeName.lastIndexOf('.'));
  const sameEnd: string[] = [];
  const all: string[] = [];
  for (const name of messageTypeNames()) {
    all.push(name);
    if (name.endsWith(last)) sameEnd.push(name);
  }
  if (sameEnd.length === 1) return `; did you mean "${sameEnd[0]}"?`;
  return didYouMean(typeName, all);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}

export function jsonToStruct(value: JsonMap): Message {
  const fields: { [key: string]: Message } = {};
  for (const key of Object.keys(value)) setKey(fields, key, jsonToValue(value[key]!));
  return create(apiRegistry().getMessage('google.protobuf.Struct')!, { fields } as never);
}

export function jsonToValue(value: JsonValue): Message {
  const kind =
    value === null
      ? { case: 'nullValue', value: 0 }
      : typeof value === 'boolean'
        ? { case: 'boolValue', value }
        : typeof value === 'number'
          ? { case: 'numberValue', value }
          : typeof value === 'string'
            ? { case: 'stringValue', value }
            : Array.isArray(value)
              ? {
                  case: 'listValue',
                  value: create(apiRegistry().getMessage('google.protobuf.ListValue')!, { values: value.map(jsonToValue) } as never),
                }
              : { case: 'structValue', value: jsonToStruct(value) };
  return create(apiRegistry().getMessage('google.protobuf.Value')!, { kind } as never);
}
