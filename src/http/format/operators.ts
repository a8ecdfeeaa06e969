/** Every operator by name. Source: Envoy's access-log documentation, "Command operators". */
import { CONNECTION_OPERATORS } from './connection-operators.ts';
import { MESSAGE_OPERATORS } from './message-operators.ts';
import { METADATA_OPERATORS } from './metadata-operators.ts';
import type { OperatorMaker } from './operator.ts';
import { TIME_OPERATORS } from './time-operators.ts';

export const OPERATORS: ReadonlyMap<string, OperatorMaker> = new Map([
  ...TIME_OPERATORS,
  ...MESSAGE_OPERATORS,
  ...CONNECTION_OPERATORS,
  ...METADATA_OPERATORS,
]);
