import type { ProblemList } from './context.ts';
import type { AnyMessage, MessagePlan } from './message-plan.ts';
export function validateMessage(_plan: MessagePlan, _root: AnyMessage, _list: ProblemList, _excused: ReadonlySet<string>): void {}
