/** Every operator by name. Source: Envoy's access-log documentation, "Command operators". */
import { CONNECTION_OPERATORS } from './connection-operators.ts';
import { MESSAGE_OPERATORS } from './message-operators.ts';
import { METADATA_OPERATORS } from './metadata-operators.ts';
import { FormatError, type Operator, type OperatorCall, type OperatorMaker, requireArgs, stringOperator, truncated } from './operator.ts';
import { TIME_OPERATORS } from './time-operators.ts';

/** COALESCE({"operators": [...]}): the value of the first operator that has one. */
const coalesce: OperatorMaker = (call, env) => {
  const operators = listOf(requireArgs(call)).map((entry, i): Operator => {
    try {
      const inner = operatorCall(entry);
      const maker = OPERATORS.get(inner.name);
      if (maker === undefined) throw new FormatError(`unknown command: '${inner.name}'`);
      return maker(inner, env);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new FormatError(`COALESCE: failed to parse operator at index ${i}: ${error.message}`);
    }
  });
  return stringOperator(
    truncated((ctx) => {
      for (let i = 0; i < operators.length; i++) {
        const text = operators[i]!.text(ctx);
        if (text !== null && text !== '') return text;
      }
      return null;
    }, call.maxLength),
  );
};

function listOf(args: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(args);
  } catch (error) {
    throw new FormatError(`COALESCE: failed to parse JSON configuration: ${(error as Error).message}`);
  }
  const list = (parsed as { operators?: unknown } | null)?.operators;
  if (!Array.isArray(list)) throw new FormatError("COALESCE: JSON configuration must contain 'operators' array");
  if (list.length === 0) throw new FormatError("COALESCE: 'operators' array must not be empty");
  return list;
}

function operatorCall(entry: unknown): OperatorCall {
  if (typeof entry === 'string') return { name: entry, args: null, maxLength: null };
  if (typeof entry !== 'object' || entry === null)
    throw new FormatError("operator entry must be either a string (command name) or an object with 'command' field");
  const { command, param, max_length } = entry as { command?: unknown; param?: unknown; max_length?: unknown };
  if (typeof command !== 'string') throw new FormatError("operator object must have 'command' field");
  return {
    name: command,
    args: typeof param === 'string' && param !== '' ? param : null,
    maxLength: typeof max_length === 'number' ? max_length : null,
  };
}

export const OPERATORS: ReadonlyMap<string, OperatorMaker> = new Map([
  ...TIME_OPERATORS,
  ...MESSAGE_OPERATORS,
  ...CONNECTION_OPERATORS,
  ...METADATA_OPERATORS,
  ['COALESCE', coalesce],
]);
