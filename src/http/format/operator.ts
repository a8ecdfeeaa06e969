/** What a `%OPERATOR(args):length%` compiles to, and what it is compiled with. */
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../header-map.ts';
import type { StreamInfo } from '../stream-info.ts';

/**
 * What operators read from. One object per user (a logger, a route table), filled before each use: formatting is synchronous, and so
 * nothing is allocated for it.
 */
export class FormatContext {
  info: StreamInfo;
  requestHeaders: RequestHeaders | null;
  responseHeaders: ResponseHeaders | null;
  responseTrailers: HeaderMap | null;
  /** Name of an envoy.data.accesslog.v3.AccessLogType. */
  accessLogType: string;
  /** Set while the body of a local reply is formatted; logs do not know it. */
  localReplyBody: string;

  constructor(info: StreamInfo) {
    this.info = info;
    this.requestHeaders = null;
    this.responseHeaders = null;
    this.responseTrailers = null;
    this.accessLogType = 'NotSet';
    this.localReplyBody = '';
  }

  /** Points at all that `info` knows. */
  use(info: StreamInfo, accessLogType = 'NotSet'): this {
    this.info = info;
    this.requestHeaders = info.requestHeaders;
    this.responseHeaders = info.responseHeaders;
    this.responseTrailers = info.responseTrailers;
    this.accessLogType = accessLogType;
    this.localReplyBody = '';
    return this;
  }
}

/** What of the process the operators show. */
export interface FormatEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
  /** Environment variable, undefined if not set. */
  variable(name: string): string | undefined;
  /** Lower case: headers whose values are not to be seen in what is formatted. Absent = none. */
  readonly redacted?: ReadonlySet<string>;
}

/** What is shown in place of the value of a header that is not to be seen. */
export const REDACTED = '[redacted]';

/** For logs, traces and taps. @param names lower case */
export function redacting(env: FormatEnvironment, names: readonly string[]): FormatEnvironment {
  return names.length === 0 ? env : { ...env, redacted: new Set(names) };
}

/** null = no value: '-' in a log line, nothing in a header. */
export type TextWriter = (ctx: FormatContext) => string | null;

export interface Operator {
  readonly text: TextWriter;
  /** JSON source of the value in typed JSON formats: 'number' and 'boolean' texts are bare, 'string' is quoted; 'json' has its own writer. */
  readonly kind: 'string' | 'number' | 'json';
  readonly json: TextWriter | null;
}

/** One operator as written. */
export interface OperatorCall {
  readonly name: string;
  /** Text between the parentheses; null without parentheses. */
  readonly args: string | null;
  /** `:N`; null without. */
  readonly maxLength: number | null;
}

export type OperatorMaker = (call: OperatorCall, env: FormatEnvironment) => Operator;

/** A format that cannot be used. `position` is the offset of the offending operator in the format. */
export class FormatError extends Error {
  readonly position: number;
  constructor(message: string, position = -1) {
    super(message);
    this.position = position;
  }
}

export function stringOperator(text: TextWriter): Operator {
  return { text, kind: 'string', json: null };
}

export function numberOperator(number: (ctx: FormatContext) => number | null): Operator {
  return {
    text: (ctx) => {
      const n = number(ctx);
      return n === null ? null : String(n);
    },
    kind: 'number',
    json: null,
  };
}

/** An operator without arguments and length. */
export function plainString(text: TextWriter): OperatorMaker {
  const operator = stringOperator(text);
  return (call) => {
    refuseArgs(call);
    return operator;
  };
}

export function plainNumber(number: (ctx: FormatContext) => number | null): OperatorMaker {
  const operator = numberOperator(number);
  return (call) => {
    refuseArgs(call);
    return operator;
  };
}

/** '' counts as no value. */
export function textOrNull(text: string): string | null {
  return text === '' ? null : text;
}

export function truncated(text: TextWriter, maxLength: number | null): TextWriter {
  if (maxLength === null) return text;
  return (ctx) => {
    const full = text(ctx);
    return full !== null && full.length > maxLength ? full.slice(0, maxLength) : full;
  };
}

export function refuseArgs(call: OperatorCall): void {
  if (call.args !== null || call.maxLength !== null) throw new FormatError(`${call.name} does not take any parameters or length`);
}

export function refuseLength(call: OperatorCall): void {
  if (call.maxLength !== null) throw new FormatError(`${call.name} does not allow length to be specified.`);
}

export function requireArgs(call: OperatorCall): string {
  if (call.args === null || call.args === '') throw new FormatError(`${call.name} requires parameters`);
  return call.args;
}

/** For checking a format before any worker uses it. */
export const NO_ENVIRONMENT: FormatEnvironment = {
  clock: { nowMs: () => 0, originMs: 0, wallMs: () => 0, arm: () => undefined, disarm: () => undefined },
  random: { nextU32: () => 0, below: () => 0, uuid: () => '' },
  hostname: '',
  variable: () => undefined,
};
