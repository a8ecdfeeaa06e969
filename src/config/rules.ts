/** The `validate.rules` options of the API, compiled to one checking function per field. */
import { type DescOneof, getOption, hasOption } from '@bufbuild/protobuf';
import type { Any, Duration } from '@bufbuild/protobuf/wkt';
import { extension } from './api-registry.ts';
import type { FieldPlan } from './message-plan.ts';

/** What is wrong with a value, or null. */
export type Check = (value: unknown) => string | null;

/** Rules of proto2: only fields that are set are own properties. */
type Rules = Readonly<Record<string, unknown>>;

export interface FieldRules {
  /** The field must be set (messages, wrappers, Any, Duration). */
  readonly required: boolean;
  /** Its message is not looked into. */
  readonly skip: boolean;
  /** On the whole value: a scalar, an unwrapped wrapper, a list, a map. */
  readonly check: Check | null;
  readonly item: FieldRules | null;
  readonly key: Check | null;
}

interface RulesMessage {
  readonly message?: { readonly required: boolean; readonly skip: boolean };
  readonly type: { readonly case: string | undefined; readonly value?: Rules };
}

export function fieldRules(field: FieldPlan): FieldRules | null {
  const option = extension('validate.rules');
  if (!hasOption(field.desc, option)) return null;
  return compile(getOption(field.desc, option) as unknown as RulesMessage, field);
}

export function oneofRequired(oneof: DescOneof): boolean {
  const option = extension('validate.required');
  return hasOption(oneof, option) && getOption(oneof, option) === true;
}

function compile(rules: RulesMessage, field: FieldPlan): FieldRules {
  const { case: kind, value: own = {} } = rules.type;
  let check: Check | null = null;
  let item: FieldRules | null = null;
  let key: Check | null = null;
  let required = rules.message?.required === true;
  switch (kind) {
    case undefined:
      break;
    case 'string':
      check = stringCheck(own);
      break;
    case 'bytes':
      check = all(own, false, [...lengthChecks(own, (v) => (v as Uint8Array).length, 'bytes')], (v) => (v as Uint8Array).length === 0);
      break;
    case 'bool':
      check = (v) => (has(own, 'const') && v !== own['const'] ? `must be ${own['const']}` : null);
      break;
    case 'enum':
      check = enumCheck(own, field);
      break;
    case 'repeated':
      check = all(own, false, repeatedChecks(own), (v) => (v as unknown[]).length === 0);
      item = has(own, 'items') ? compile(own['items'] as RulesMessage, field) : null;
      break;
    case 'map':
      check = all(own, false, pairChecks(own), (v) => Object.keys(v as object).length === 0);
      item = has(own, 'values') ? compile(own['values'] as RulesMessage, field) : null;
      key = has(own, 'keys') ? compile(own['keys'] as RulesMessage, field).check : null;
      break;
    case 'any':
      required ||= own['required'] === true;
      check = memberChecks(own, (v) => (v as Any).typeUrl);
      break;
    case 'duration':
      required ||= own['required'] === true;
      check = rangeChecks(
        own,
        (v) => durationNanos(v as Duration),
        (v) => `${Number(durationNanos(v as Duration)) / 1e9}s`,
      );
      break;
    case 'timestamp':
      required ||= own['required'] === true;
      break;
    default:
      check = numberCheck(own);
  }
  return { required, skip: rules.message?.skip === true, check, item, key };
}

function has(rules: Rules, name: string): boolean {
  return Object.hasOwn(rules, name);
}

/** The first of `checks` that objects; nothing, when the rules say that an empty value is fine. */
function all(rules: Rules, always: boolean, checks: readonly Check[], empty: (v: unknown) => boolean): Check | null {
  if (checks.length === 0) return null;
  const ignoreEmpty = !always && rules['ignoreEmpty'] === true;
  return (value) => {
    if (ignoreEmpty && empty(value)) return null;
    for (const check of checks) {
      const wrong = check(value);
      if (wrong !== null) return wrong;
    }
    return null;
  };
}

function durationNanos(d: Duration): bigint {
  return d.seconds * 1_000_000_000n + BigInt(d.nanos);
}

function numberCheck(rules: Rules): Check | null {
  const range = rangeChecks(rules, (v) => v as number | bigint, String);
  return all(rules, false, range === null ? [] : [range], (v) => v === 0 || v === 0n);
}

type Ordered = number | bigint;

function rangeChecks(rules: Rules, order: (v: unknown) => Ordered, show: (v: unknown) => string): Check | null {
  const checks: Check[] = [];
  const bound = (name: string): Ordered | null => (has(rules, name) ? order(rules[name]) : null);
  const lower = bound('gt') ?? bound('gte');
  const upper = bound('lt') ?? bound('lte');
  const words = (strict: string, strictWords: string, loose: string, looseWords: string): string =>
    has(rules, strict) ? `${strictWords} ${show(rules[strict])}` : has(rules, loose) ? `${looseWords} ${show(rules[loose])}` : '';
  const lowText = words('gt', 'greater than', 'gte', 'at least');
  const highText = words('lt', 'less than', 'lte', 'at most');
  const above = (v: Ordered): boolean => lower === null || (has(rules, 'gt') ? v > lower : v >= lower);
  const below = (v: Ordered): boolean => upper === null || (has(rules, 'lt') ? v < upper : v <= upper);
  if (lower !== null && upper !== null && lower > upper) {
    checks.push((v) => (above(order(v)) || below(order(v)) ? null : `must be ${lowText} or ${highText}`));
  } else if (lower !== null && upper !== null) {
    checks.push((v) => (above(order(v)) && below(order(v)) ? null : `must be ${lowText} and ${highText}`));
  } else if (lower !== null) {
    checks.push((v) => (above(order(v)) ? null : `must be ${lowText}`));
  } else if (upper !== null) {
    checks.push((v) => (below(order(v)) ? null : `must be ${highText}`));
  }
  const constant = bound('const');
  if (constant !== null) checks.push((v) => (order(v) === constant ? null : `must be ${show(rules['const'])}`));
  const members = memberChecks(rules, order, show);
  if (members !== null) checks.push(members);
  return all(rules, true, checks, () => false);
}

function memberChecks<T>(rules: Rules, order: (v: unknown) => T, show: (v: unknown) => string = String): Check | null {
  const allowed = ((rules['in'] as unknown[] | undefined) ?? []).map(order);
  const refused = ((rules['notIn'] as unknown[] | undefined) ?? []).map(order);
  if (allowed.length === 0 && refused.length === 0) return null;
  return (v) => {
    if (allowed.length > 0 && !allowed.includes(order(v))) return `must be one of ${(rules['in'] as unknown[]).map(show).join(', ')}`;
    return refused.includes(order(v)) ? `must not be ${show(v)}` : null;
  };
}

function enumCheck(rules: Rules, field: FieldPlan): Check | null {
  const checks: Check[] = [];
  const type = field.enumeration;
  const show = (v: unknown): string => type?.value[v as number]?.name ?? String(v);
  if (rules['definedOnly'] === true && type !== null) {
    checks.push((v) => (type.value[v as number] === undefined ? `${v} is not a value of ${type.typeName}` : null));
  }
  if (has(rules, 'const')) checks.push((v) => (v === rules['const'] ? null : `must be ${show(rules['const'])}`));
  const members = memberChecks(rules, (v) => v, show);
  if (members !== null) checks.push(members);
  return all(rules, true, checks, () => false);
}

function lengthChecks(rules: Rules, length: (v: unknown) => number, unit: string, suffix = ''): Check[] {
  const checks: Check[] = [];
  const bound = (name: string): number | null => (has(rules, name) ? Number(rules[name]) : null);
  const exact = bound(`len${suffix}`);
  const min = bound(suffix === '' ? 'minLen' : 'minBytes');
  const max = bound(suffix === '' ? 'maxLen' : 'maxBytes');
  if (exact !== null) checks.push((v) => (length(v) === exact ? null : `must be ${exact} ${unit} long`));
  if (min !== null)
    checks.push((v) => (length(v) >= min ? null : min === 1 ? 'must not be empty' : `must be at least ${min} ${unit} long`));
  if (max !== null) checks.push((v) => (length(v) <= max ? null : `must be at most ${max} ${unit} long`));
  return checks;
}

function repeatedChecks(rules: Rules): Check[] {
  const checks: Check[] = [];
  const min = has(rules, 'minItems') ? Number(rules['minItems']) : 0;
  const max = has(rules, 'maxItems') ? Number(rules['maxItems']) : Number.POSITIVE_INFINITY;
  const items = (n: number): string => `${n} item${n === 1 ? '' : 's'}`;
  if (min > 0) checks.push((v) => ((v as unknown[]).length >= min ? null : `must have at least ${items(min)}`));
  if (max < Number.POSITIVE_INFINITY) checks.push((v) => ((v as unknown[]).length <= max ? null : `must have at most ${items(max)}`));
  if (rules['unique'] === true) {
    checks.push((v) => {
      const list = v as unknown[];
      const twice = list.find((x, i) => list.indexOf(x) !== i);
      return twice === undefined ? null : `has ${JSON.stringify(twice)} twice`;
    });
  }
  return checks;
}

function pairChecks(rules: Rules): Check[] {
  const checks: Check[] = [];
  const size = (v: unknown): number => Object.keys(v as object).length;
  const min = Number(rules['minPairs'] ?? 0);
  if (has(rules, 'minPairs') && min > 0) checks.push((v) => (size(v) >= min ? null : `must have at least ${min} entries`));
  if (has(rules, 'maxPairs'))
    checks.push((v) => (size(v) <= Number(rules['maxPairs']) ? null : `must have at most ${rules['maxPairs']} entries`));
  return checks;
}

const HEADER_NAME = /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/;
const HEADER_VALUE = /^[^\u0000-\u0008\u000a-\u001f\u007f]*$/;
const HEADER_LOOSE = /^[^\u0000\u000a\u000d]*$/;
const HOSTNAME =
  /^(?=.{1,253}\.?$)(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\.?$/;

function stringCheck(rules: Rules): Check | null {
  const checks: Check[] = [
    // Code points, not UTF-16 units.
    ...lengthChecks(rules, (v) => ((v as string).length > 0 ? [...(v as string)].length : 0), 'characters'),
    ...lengthChecks(rules, (v) => Buffer.byteLength(v as string), 'bytes', 'Bytes'),
  ];
  const text = (name: string): string | null => (has(rules, name) ? (rules[name] as string) : null);
  const want = (name: string, ok: (v: string, s: string) => boolean, words: string): void => {
    const s = text(name);
    if (s !== null) checks.push((v) => (ok(v as string, s) ? null : `${words} ${JSON.stringify(s)}`));
  };
  want('const', (v, s) => v === s, 'must be');
  want('prefix', (v, s) => v.startsWith(s), 'must start with');
  want('suffix', (v, s) => v.endsWith(s), 'must end with');
  want('contains', (v, s) => v.includes(s), 'must contain');
  want('notContains', (v, s) => !v.includes(s), 'must not contain');
  const pattern = text('pattern');
  if (pattern !== null) {
    const expression = new RegExp(pattern, 'u');
    checks.push((v) => (expression.test(v as string) ? null : `must match the pattern ${pattern}`));
  }
  const members = memberChecks(
    rules,
    (v) => v,
    (v) => JSON.stringify(v),
  );
  if (members !== null) checks.push(members);
  const known = rules['wellKnown'] as { case: string | undefined; value?: unknown } | undefined;
  const wellKnown = known?.case === undefined ? null : wellKnownCheck(known.case, known.value, rules['strict'] !== false);
  if (wellKnown !== null) checks.push(wellKnown);
  return all(rules, false, checks, (v) => v === '');
}

function wellKnownCheck(name: string, value: unknown, strict: boolean): Check | null {
  switch (name) {
    case 'wellKnownRegex': {
      const isName = value === 1;
      const expression = strict ? (isName ? HEADER_NAME : HEADER_VALUE) : HEADER_LOOSE;
      return (v) => (expression.test(v as string) ? null : `is not a valid HTTP header ${isName ? 'name' : 'value'}`);
    }
    case 'uri':
      return (v) => (/^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$/.test(v as string) ? null : 'must be an absolute URI');
    case 'hostname':
      return (v) => (HOSTNAME.test(v as string) ? null : 'must be a host name');
    case 'email':
      return (v) => (/^[^@\s]+@[^@\s]+$/.test(v as string) ? null : 'must be an e-mail address');
    default:
      return null;
  }
}
