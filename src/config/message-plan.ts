/** Descriptors compiled to what a walk over a message or a document needs: one object per message type and per field. */
import { type DescEnum, type DescField, type DescMessage, type DescOneof, ScalarType } from '@bufbuild/protobuf';

/** How a value of a field is written and held. */
export const Kind = {
  Scalar: 0,
  Enum: 1,
  Message: 2,
  /** google.protobuf.UInt32Value and its like, held as the bare value. */
  Wrapper: 3,
  /** google.protobuf.Struct, held as a plain JSON object. */
  Struct: 4,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Messages with a JSON form of their own. */
export const Special = {
  None: 0,
  Any: 1,
  Duration: 2,
  Timestamp: 3,
  FieldMask: 4,
  Struct: 5,
  Value: 6,
  ListValue: 7,
  Wrapper: 8,
} as const;
export type Special = (typeof Special)[keyof typeof Special];

const SPECIAL = new Map<string, Special>([
  ['google.protobuf.Any', Special.Any],
  ['google.protobuf.Duration', Special.Duration],
  ['google.protobuf.Timestamp', Special.Timestamp],
  ['google.protobuf.FieldMask', Special.FieldMask],
  ['google.protobuf.Struct', Special.Struct],
  ['google.protobuf.Value', Special.Value],
  ['google.protobuf.ListValue', Special.ListValue],
]);
for (const t of ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes']) {
  SPECIAL.set(`google.protobuf.${t}Value`, Special.Wrapper);
}

export class FieldPlan {
  readonly desc: DescField;
  /** As in the .proto file. */
  readonly name: string;
  /** As in protobuf-es messages. */
  readonly localName: string;
  readonly kind: Kind;
  readonly list: boolean;
  readonly map: boolean;
  readonly oneof: DescOneof | null;
  /** Of a scalar or of the value in a wrapper. */
  readonly scalar: ScalarType;
  readonly enumeration: DescEnum | null;
  readonly #message: DescMessage | null;
  #plan: MessagePlan | null;

  constructor(desc: DescField) {
    this.desc = desc;
    this.name = desc.name;
    this.localName = desc.localName;
    this.list = desc.fieldKind === 'list';
    this.map = desc.fieldKind === 'map';
    this.oneof = desc.oneof ?? null;
    this.enumeration = desc.enum ?? null;
    this.#message = desc.message ?? null;
    this.#plan = null;
    this.scalar = desc.scalar ?? wrapped(desc.message)?.scalar ?? ScalarType.STRING;
    this.kind = fieldKind(desc);
  }

  /** Of the message that the field (or each of its elements) holds. */
  get message(): MessagePlan {
    if (this.#message === null) throw new Error(`${this.desc.parent.typeName}.${this.name} holds no message`);
    this.#plan ??= messagePlan(this.#message);
    return this.#plan;
  }
}

function wrapped(message: DescMessage | undefined): DescField | undefined {
  return message !== undefined && SPECIAL.get(message.typeName) === Special.Wrapper ? message.fields[0] : undefined;
}

function fieldKind(desc: DescField): Kind {
  if (desc.message === undefined) return desc.enum === undefined ? Kind.Scalar : Kind.Enum;
  if (desc.fieldKind === 'message' && desc.oneof === undefined && wrapped(desc.message) !== undefined) return Kind.Wrapper;
  // Inside google.protobuf.Value the Struct stays a message.
  return desc.message.typeName === 'google.protobuf.Struct' && desc.parent.typeName !== 'google.protobuf.Value'
    ? Kind.Struct
    : Kind.Message;
}

export class MessagePlan {
  readonly desc: DescMessage;
  readonly typeName: string;
  readonly special: Special;
  readonly fields: readonly FieldPlan[];
  /** By both spellings. */
  readonly byName: ReadonlyMap<string, FieldPlan>;

  constructor(desc: DescMessage) {
    this.desc = desc;
    this.typeName = desc.typeName;
    this.special = SPECIAL.get(desc.typeName) ?? Special.None;
    this.fields = desc.fields.map((f) => new FieldPlan(f));
    const byName = new Map<string, FieldPlan>();
    for (const field of this.fields) {
      byName.set(field.name, field);
      byName.set(field.desc.jsonName, field);
    }
    this.byName = byName;
  }
}

const plans = new WeakMap<DescMessage, MessagePlan>();

export function messagePlan(desc: DescMessage): MessagePlan {
  let plan = plans.get(desc);
  if (plan === undefined) {
    plan = new MessagePlan(desc);
    plans.set(desc, plan);
  }
  return plan;
}

/** A message of whatever type, its fields by their local names. */
export interface AnyMessage {
  readonly $typeName: string;
  [localName: string]: unknown;
}

/** What `field` holds in `message`: undefined if it is not set (a oneof's other member is, or a message field is absent). */
export function fieldValue(message: AnyMessage, field: FieldPlan): unknown {
  if (field.oneof === null) return message[field.localName];
  const member = message[field.oneof.localName] as { case: string | undefined; value?: unknown };
  return member.case === field.localName ? member.value : undefined;
}
