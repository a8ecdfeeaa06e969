/**
 * Messages as JSON for `/config_dump`: field names as in the .proto files, defaults left out, Any with its `@type`, and private keys
 * and passwords replaced, as Envoy does for fields marked sensitive.
 */
import { getOption, hasOption, ScalarType } from '@bufbuild/protobuf';
import type { Any, Duration, FieldMask, Timestamp } from '@bufbuild/protobuf/wkt';
import { extension, messageType } from './api-registry.ts';
import { type JsonValue, setKey } from './json-value.ts';
import { type AnyMessage, type FieldPlan, fieldValue, Kind, type MessagePlan, messagePlan, Special } from './message-plan.ts';
import { unpackAny } from './unpack.ts';

type JsonMap = { [key: string]: JsonValue };

const REDACTED = '[redacted]';

export function renderMessage(message: { readonly $typeName: string }): JsonValue {
  return render(messagePlan(messageType(message.$typeName)), message as AnyMessage, false);
}

function render(plan: MessagePlan, message: AnyMessage, secret: boolean): JsonValue {
  switch (plan.special) {
    case Special.Any:
      return renderAny(message as unknown as Any, secret);
    case Special.Duration:
      return renderDuration(message as unknown as Duration);
    case Special.Timestamp: {
      const { seconds, nanos } = message as unknown as Timestamp;
      return new Date(Number(seconds) * 1000 + Math.floor(nanos / 1e6)).toISOString();
    }
    case Special.FieldMask:
      return (message as unknown as FieldMask).paths.join(',');
    case Special.Wrapper:
      return scalar(plan.fields[0]!, message['value'], secret);
    case Special.Value:
      return renderValue(message);
    case Special.ListValue:
      return (message['values'] as AnyMessage[]).map(renderValue);
    case Special.Struct:
      return renderStruct(message, secret);
    default:
      return renderFields(plan, message, secret);
  }
}

function renderFields(plan: MessagePlan, message: AnyMessage, secret: boolean): JsonMap {
  const out: JsonMap = {};
  for (const field of plan.fields) {
    const value = fieldValue(message, field);
    if (value === undefined || isDefault(field, value)) continue;
    const hidden = secret || isSensitive(field);
    if (field.list) out[field.name] = (value as readonly unknown[]).map((v) => single(field, v, hidden));
    else if (field.map) out[field.name] = renderMap(field, value as Readonly<Record<string, unknown>>, hidden);
    else out[field.name] = single(field, value, hidden);
  }
  return out;
}

function renderMap(field: FieldPlan, map: Readonly<Record<string, unknown>>, secret: boolean): JsonMap {
  const out: JsonMap = {};
  for (const key of Object.keys(map)) setKey(out, key, single(field, map[key], secret));
  return out;
}

function single(field: FieldPlan, value: unknown, secret: boolean): JsonValue {
  switch (field.kind) {
    case Kind.Scalar:
    case Kind.Wrapper:
      return scalar(field, value, secret);
    case Kind.Enum:
      return field.enumeration?.value[value as number]?.name ?? (value as number);
    case Kind.Struct:
      return secret ? redactJson(value as JsonMap) : (value as JsonMap);
    default:
      return render(field.message, value as AnyMessage, secret);
  }
}

function scalar(field: FieldPlan, value: unknown, secret: boolean): JsonValue {
  if (secret && field.scalar === ScalarType.STRING) return REDACTED;
  if (value instanceof Uint8Array) return Buffer.from(secret ? REDACTED : value).toString('base64');
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (secret) return typeof value === 'boolean' ? false : 0;
  return value as JsonValue;
}

function isDefault(field: FieldPlan, value: unknown): boolean {
  if (field.list) return (value as readonly unknown[]).length === 0;
  if (field.map) return Object.keys(value as object).length === 0;
  if (field.oneof !== null || field.kind === Kind.Wrapper || field.kind === Kind.Message || field.kind === Kind.Struct) return false;
  return value === 0 || value === '' || value === false || value === 0n || (value instanceof Uint8Array && value.length === 0);
}

const sensitive = new WeakMap<FieldPlan, boolean>();

function isSensitive(field: FieldPlan): boolean {
  let marked = sensitive.get(field);
  if (marked === undefined) {
    const option = extension('udpa.annotations.sensitive');
    marked = hasOption(field.desc, option) && getOption(field.desc, option) === true;
    sensitive.set(field, marked);
  }
  return marked;
}

function renderAny(any: Any, secret: boolean): JsonValue {
  if (any.typeUrl === '') return {};
  const unpacked = unpackAny(any);
  if ('failure' in unpacked) return { '@type': any.typeUrl, value: Buffer.from(any.value).toString('base64') };
  const plan = messagePlan(messageType(unpacked.message.$typeName));
  const body = render(plan, unpacked.message as unknown as AnyMessage, secret);
  return plan.special === Special.None ? { '@type': any.typeUrl, ...(body as JsonMap) } : { '@type': any.typeUrl, value: body };
}

/** Seconds with no, three, six or nine digits after the point. */
function renderDuration({ seconds, nanos }: Duration): string {
  const sign = seconds < 0n || nanos < 0 ? '-' : '';
  const whole = (seconds < 0n ? -seconds : seconds).toString();
  if (nanos === 0) return `${sign}${whole}s`;
  const digits = Math.abs(nanos)
    .toString()
    .padStart(9, '0')
    .replace(/000(000)?$/, '');
  return `${sign}${whole}.${digits}s`;
}

function renderValue(message: AnyMessage): JsonValue {
  const kind = message['kind'] as { case: string | undefined; value?: unknown };
  switch (kind.case) {
    case 'structValue':
      return renderStruct(kind.value as AnyMessage, false);
    case 'listValue':
      return ((kind.value as AnyMessage)['values'] as AnyMessage[]).map(renderValue);
    case 'nullValue':
    case undefined:
      return null;
    default:
      return kind.value as JsonValue;
  }
}

function renderStruct(message: AnyMessage, secret: boolean): JsonValue {
  const fields = message['fields'] as Readonly<Record<string, AnyMessage>>;
  const out: JsonMap = {};
  for (const key of Object.keys(fields)) setKey(out, key, renderValue(fields[key]!));
  return secret ? redactJson(out) : out;
}

function redactJson(value: JsonValue): JsonValue {
  if (typeof value === 'string') return REDACTED;
  if (Array.isArray(value)) return value.map(redactJson);
  if (value === null || typeof value !== 'object') return value;
  const out: JsonMap = {};
  for (const key of Object.keys(value)) setKey(out, key, redactJson(value[key]!));
  return out;
}
