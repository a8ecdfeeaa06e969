/** Reports every field and extension that is set in a configuration, valid Envoy API, and not implemented. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { messageType } from './api-registry.ts';
import type { ProblemList } from './context.ts';
import { type AnyMessage, type FieldPlan, fieldValue, Kind, type MessagePlan, messagePlan, Special } from './message-plan.ts';
import { MapKey, type PathSegment } from './path.ts';
import type { Severity } from './problem.ts';
import { isImplemented, SUPPORTED } from './supported.ts';
import { unpackAny } from './unpack.ts';

class SupportWalk {
  readonly #list: ProblemList;
  readonly #severity: Severity;
  readonly #path: PathSegment[];

  constructor(list: ProblemList, severity: Severity, path: readonly PathSegment[]) {
    this.#list = list;
    this.#severity = severity;
    this.#path = [...path];
  }

  message(plan: MessagePlan, message: AnyMessage): void {
    if (plan.special === Special.Any) {
      this.#any(message as unknown as Any);
      return;
    }
    if (plan.special !== Special.None) return;
    const support = SUPPORTED.get(plan.typeName);
    if (support === undefined) {
      this.#report(`${plan.typeName} is not supported by Outrider yet`);
      return;
    }
    for (const field of plan.fields) {
      const value = fieldValue(message, field);
      if (!isSet(field, value)) continue;
      if (support.ignored.has(field.name)) continue;
      this.#path.push(field.name);
      if (!isImplemented(support, field.name)) this.#report('not supported by Outrider yet');
      else if (field.kind === Kind.Message) this.#field(field, value);
      this.#path.pop();
    }
  }

  #field(field: FieldPlan, value: unknown): void {
    const plan = field.message;
    if (field.list) {
      const list = value as readonly AnyMessage[];
      for (let i = 0; i < list.length; i++) {
        this.#path.push(i);
        this.message(plan, list[i]!);
        this.#path.pop();
      }
    } else if (field.map) {
      const map = value as Readonly<Record<string, AnyMessage>>;
      for (const key of Object.keys(map)) {
        this.#path.push(new MapKey(key));
        this.message(plan, map[key]!);
        this.#path.pop();
      }
    } else {
      this.message(plan, value as AnyMessage);
    }
  }

  #any(any: Any): void {
    if (any.typeUrl === '') return;
    const unpacked = unpackAny(any);
    // What cannot be unpacked, validation has reported.
    if ('failure' in unpacked) return;
    const plan = messagePlan(messageType(unpacked.message.$typeName));
    if (plan.special === Special.None && !SUPPORTED.has(plan.typeName)) {
      this.#report(`extension ${plan.typeName} is not supported by Outrider yet`);
    } else {
      this.message(plan, unpacked.message as unknown as AnyMessage);
    }
  }

  #report(message: string): void {
    this.#list.add(this.#severity, this.#path, message);
  }
}

/** In proto3 a scalar that is zero is as good as absent. */
function isSet(field: FieldPlan, value: unknown): boolean {
  if (value === undefined) return false;
  if (field.list) return (value as readonly unknown[]).length > 0;
  if (field.map) {
    for (const _ in value as object) return true;
    return false;
  }
  if (field.oneof !== null || field.kind === Kind.Wrapper) return true;
  return value !== 0 && value !== '' && value !== false && value !== 0n;
}

/**
 * @param allow report warnings, not errors (`--allow-unsupported`)
 * @param at where `message` stands in the configuration
 */
export function reportUnsupported(
  plan: MessagePlan,
  message: AnyMessage,
  list: ProblemList,
  allow: boolean,
  at: readonly PathSegment[] = [],
): void {
  new SupportWalk(list, allow ? 'warning' : 'error', at).message(plan, message);
}
