/** `--config-yaml` over the file: protobuf's MergeFrom. */
import type { AnyMessage, FieldPlan, MessagePlan } from './message-plan.ts';
import { fieldValue, Kind, Special } from './message-plan.ts';

/** Scalars that are set replace, messages merge, lists are appended, map entries replace. Changes `into`. */
export function mergeMessage(plan: MessagePlan, into: AnyMessage, from: AnyMessage): void {
  for (const field of plan.fields) {
    if (field.list) {
      (into[field.localName] as unknown[]).push(...(from[field.localName] as unknown[]));
    } else if (field.map) {
      Object.assign(into[field.localName] as object, from[field.localName]);
    } else {
      mergeSingle(field, into, from);
    }
  }
}

function mergeSingle(field: FieldPlan, into: AnyMessage, from: AnyMessage): void {
  const given = fieldValue(from, field);
  if (given === undefined || (field.oneof === null && isZero(given))) return;
  const held = fieldValue(into, field);
  const mergeable = field.kind === Kind.Message && field.message.special !== Special.Any;
  if (mergeable && held !== undefined) {
    mergeMessage(field.message, held as AnyMessage, given as AnyMessage);
  } else if (field.kind === Kind.Struct && held !== undefined) {
    Object.assign(held as object, given);
  } else if (field.oneof === null) {
    into[field.localName] = given;
  } else {
    into[field.oneof.localName] = { case: field.localName, value: given };
  }
}

/** A proto3 scalar that is zero is not set. */
function isZero(value: unknown): boolean {
  return value === 0 || value === '' || value === false || value === 0n || (value instanceof Uint8Array && value.length === 0);
}
