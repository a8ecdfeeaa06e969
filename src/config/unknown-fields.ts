/** Fields of a binary message that this API does not know: protobuf keeps them silently, Envoy refuses them in static configuration. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { messageType } from './api-registry.ts';
import { type AnyMessage, fieldValue, Kind, type MessagePlan, messagePlan, Special } from './message-plan.ts';
import { MapKey, type PathSegment } from './path.ts';
import { unpackAny } from './unpack.ts';

export type UnknownFieldsReporter = (path: readonly PathSegment[], numbers: readonly number[]) => void;

export function unknownFields(plan: MessagePlan, message: AnyMessage, report: UnknownFieldsReporter, at: PathSegment[] = []): void {
  if (plan.special === Special.Any) {
    const any = message as unknown as Any;
    const unpacked = any.typeUrl === '' ? null : unpackAny(any);
    if (unpacked === null || 'failure' in unpacked) return;
    unknownFields(messagePlan(messageType(unpacked.message.$typeName)), unpacked.message as unknown as AnyMessage, report, at);
    return;
  }
  const unknown = (message as { $unknown?: readonly { no: number }[] }).$unknown ?? [];
  if (unknown.length > 0) report(at, [...new Set(unknown.map((u) => u.no))]);
  for (const field of plan.fields) {
    const value = field.kind === Kind.Message ? fieldValue(message, field) : undefined;
    if (value === undefined) continue;
    at.push(field.name);
    const visit = (segment: PathSegment, item: unknown): void => {
      at.push(segment);
      unknownFields(field.message, item as AnyMessage, report, at);
      at.pop();
    };
    if (field.list) (value as readonly unknown[]).forEach((item, i) => void visit(i, item));
    else if (field.map) for (const [key, item] of Object.entries(value as object)) visit(new MapKey(key), item);
    else unknownFields(field.message, value as AnyMessage, report, at);
    at.pop();
  }
}
