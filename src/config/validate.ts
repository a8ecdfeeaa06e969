/** Enforces the API's `validate.rules` on a message and all that is in it, Any included, reporting every violation. */
import { getOption, hasOption } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { extension, messageType } from './api-registry.ts';
import type { ProblemList } from './context.ts';
import { type AnyMessage, type FieldPlan, fieldValue, Kind, type MessagePlan, messagePlan, Special } from './message-plan.ts';
import { formatPath, MapKey, type PathSegment } from './path.ts';
import { type FieldRules, fieldRules, oneofRequired } from './rules.ts';
import { unpackAny } from './unpack.ts';

interface CheckedField {
  readonly plan: FieldPlan;
  readonly rules: FieldRules | null;
  /** The field holds messages with checks of their own. */
  readonly descend: boolean;
}

interface CheckedMessage {
  readonly fields: readonly CheckedField[];
  /** Oneofs of which one member must be set: local name, and the names to choose from. */
  readonly oneofs: readonly { readonly localName: string; readonly members: readonly string[] }[];
}

const compiled = new WeakMap<MessagePlan, CheckedMessage>();

function checkedMessage(plan: MessagePlan): CheckedMessage {
  let checked = compiled.get(plan);
  if (checked === undefined) {
    checked = compileMessage(plan);
    compiled.set(plan, checked);
  }
  return checked;
}

function compileMessage(plan: MessagePlan): CheckedMessage {
  const disabled = extension('validate.disabled');
  if (hasOption(plan.desc, disabled) && getOption(plan.desc, disabled) === true) return { fields: [], oneofs: [] };
  const fields: CheckedField[] = [];
  for (const field of plan.fields) {
    const rules = fieldRules(field);
    const descend = field.kind === Kind.Message && rules?.skip !== true && isInteresting(field.message);
    if (rules !== null || descend) fields.push({ plan: field, rules, descend });
  }
  const oneofs = plan.desc.oneofs
    .filter(oneofRequired)
    .map((oneof) => ({ localName: oneof.localName, members: oneof.fields.map((f) => f.name) }));
  return { fields, oneofs };
}

/** Durations and the like have no rules inside; an Any may hold anything. */
function isInteresting(plan: MessagePlan): boolean {
  return plan.special === Special.None || plan.special === Special.Any;
}

class Validator {
  readonly #list: ProblemList;
  readonly #excused: ReadonlySet<string>;
  readonly #path: PathSegment[];

  constructor(list: ProblemList, excused: ReadonlySet<string>, path: readonly PathSegment[]) {
    this.#list = list;
    this.#excused = excused;
    this.#path = [...path];
  }

  message(plan: MessagePlan, message: AnyMessage): void {
    if (plan.special === Special.Any) {
      this.#any(message as unknown as Any);
      return;
    }
    const checked = checkedMessage(plan);
    for (const field of checked.fields) {
      const value = fieldValue(message, field.plan);
      this.#path.push(field.plan.name);
      this.#field(field, value);
      this.#path.pop();
    }
    for (const oneof of checked.oneofs) {
      const member = message[oneof.localName] as { case: string | undefined };
      if (member.case === undefined) this.#oneofMissing(oneof.members);
    }
  }

  #oneofMissing(members: readonly string[]): void {
    // A member that is there, but wrong, has its own problem.
    const path = formatPath(this.#path);
    if (members.some((m) => this.#excused.has(path === '' ? m : `${path}.${m}`))) return;
    this.#problem(`one of ${members.join(', ')} must be set`);
  }

  #any(any: Any): void {
    if (any.typeUrl === '') return;
    const unpacked = unpackAny(any);
    if ('failure' in unpacked) {
      this.#problem(unpacked.failure);
      return;
    }
    this.message(messagePlan(messageType(unpacked.message.$typeName)), unpacked.message as unknown as AnyMessage);
  }

  #field(field: CheckedField, value: unknown): void {
    const { plan, rules } = field;
    if (value === undefined) {
      if (rules?.required === true && plan.oneof === null) this.#problem('must be set');
      return;
    }
    if (rules?.check) {
      const wrong = rules.check(value);
      if (wrong !== null) this.#problem(wrong);
    }
    if (plan.list) {
      const list = value as readonly unknown[];
      if (!field.descend && rules?.item == null) return;
      for (let i = 0; i < list.length; i++) {
        this.#path.push(i);
        this.#item(field, list[i]);
        this.#path.pop();
      }
    } else if (plan.map) {
      if (field.descend || rules?.item != null || rules?.key != null) this.#map(field, value as Readonly<Record<string, unknown>>);
    } else if (field.descend) {
      this.message(plan.message, value as AnyMessage);
    }
  }

  #item(field: CheckedField, value: unknown): void {
    const item = field.rules?.item;
    const wrong = item?.check?.(value) ?? null;
    if (wrong !== null) this.#problem(wrong);
    if (field.descend && item?.skip !== true) this.message(field.plan.message, value as AnyMessage);
  }

  #map(field: CheckedField, map: Readonly<Record<string, unknown>>): void {
    for (const key of Object.keys(map)) {
      this.#path.push(new MapKey(key));
      const wrong = field.rules?.key?.(key) ?? null;
      if (wrong !== null) this.#problem(`key ${wrong}`);
      this.#item(field, map[key]);
      this.#path.pop();
    }
  }

  #problem(message: string): void {
    if (this.#excused.size > 0 && this.#isExcused()) return;
    this.#list.add('error', this.#path, message);
  }

  /** Here or around it something was not decoded, which has been reported. */
  #isExcused(): boolean {
    for (let n = this.#path.length; n > 0; n--) if (this.#excused.has(formatPath(this.#path.slice(0, n)))) return true;
    return false;
  }
}

/**
 * @param excused paths whose values could not be decoded: what is missing there has been reported
 * @param at where `message` stands in the configuration
 */
export function validateMessage(
  plan: MessagePlan,
  message: AnyMessage,
  list: ProblemList,
  excused: ReadonlySet<string> = new Set(),
  at: readonly PathSegment[] = [],
): void {
  new Validator(list, excused, at).message(plan, message);
}
