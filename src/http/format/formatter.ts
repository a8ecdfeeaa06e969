/**
 * Envoy's substitution formatter: text with %OPERATORS% compiled once to a list of writers. Access logs, header mutations and local
 * reply bodies use it.
 */
import { wireText } from '../wire-text.ts';
import { type FormatContext, type FormatEnvironment, FormatError, type Operator, type TextWriter } from './operator.ts';
import { OPERATORS } from './operators.ts';
import { type FormatPart, parseFormat } from './parse.ts';

export interface Formatter {
  /** latin1 text: bytes as they go on the wire or into the file. */
  format(ctx: FormatContext): string;
  /** Set when nothing depends on the request. */
  readonly constant: string | null;
}

/**
 * @param absent what stands for a value that is not there: '-' in logs, '' in headers and with omit_empty_values
 * @throws FormatError
 */
export function compileFormat(format: string, env: FormatEnvironment, absent: '-' | ''): Formatter {
  const literals: string[] = [];
  const writers: TextWriter[] = [];
  let literal = '';
  for (const part of parseFormat(format)) {
    if ('literal' in part) {
      literal += wireText(part.literal);
      continue;
    }
    literals.push(literal);
    literal = '';
    writers.push(makeOperator(part, env).text);
  }
  if (writers.length === 0) return new ConstantFormatter(literal);
  return new CompiledFormatter(literals, writers, literal, absent);
}

/** @throws FormatError with the position of the operator */
export function makeOperator(part: Exclude<FormatPart, { literal: string }>, env: FormatEnvironment): Operator {
  const maker = OPERATORS.get(part.call.name);
  if (maker === undefined) throw new FormatError(`Not supported field in StreamInfo: ${part.call.name}`, part.position);
  try {
    return maker(part.call, env);
  } catch (e) {
    if (e instanceof FormatError) throw new FormatError(e.message, part.position);
    throw e;
  }
}

class ConstantFormatter implements Formatter {
  readonly constant: string;
  constructor(text: string) {
    this.constant = text;
  }
  format(): string {
    return this.constant;
  }
}

/** Literals with writers in between. */
export class CompiledFormatter implements Formatter {
  readonly constant = null;
  /** literals[i] stands before writers[i]. */
  readonly #literals: readonly string[];
  readonly #writers: readonly TextWriter[];
  readonly #last: string;
  readonly #absent: string;

  constructor(literals: readonly string[], writers: readonly TextWriter[], last: string, absent: string) {
    this.#literals = literals;
    this.#writers = writers;
    this.#last = last;
    this.#absent = absent;
  }

  format(ctx: FormatContext): string {
    let out = '';
    for (let i = 0; i < this.#writers.length; i++) out += this.#literals[i]! + (this.#writers[i]!(ctx) ?? this.#absent);
    return out + this.#last;
  }
}
