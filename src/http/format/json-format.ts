/**
 * json_format: a JSON object whose strings are formats. A string that is one operator alone keeps the operator's type; keys come out
 * sorted, on one line.
 */
import { wireText } from '../wire-text.ts';
import { CompiledFormatter, compileFormat, type Formatter, makeOperator } from './formatter.ts';
import { jsonText, quoteJson } from './json-text.ts';
import type { FormatContext, FormatEnvironment, Operator, TextWriter } from './operator.ts';
import { parseFormat } from './parse.ts';

type Template = Readonly<Record<string, unknown>>;

/**
 * @param omitEmpty values that are not there are left out with their keys, instead of being null
 * @throws FormatError
 */
export function compileJsonFormat(template: Template, env: FormatEnvironment, omitEmpty: boolean): Formatter {
  if (omitEmpty) {
    const write = omittingWriter(template, env);
    return { constant: null, format: (ctx) => write(ctx) ?? '{}' };
  }
  const flat = new FlatTemplate(env);
  flat.add(template);
  return flat.finish();
}

/** Literal JSON text with writers in between: formatting walks no tree. */
class FlatTemplate {
  readonly #env: FormatEnvironment;
  readonly #literals: string[] = [];
  readonly #writers: TextWriter[] = [];
  #literal = '';

  constructor(env: FormatEnvironment) {
    this.#env = env;
  }

  add(value: unknown): void {
    if (typeof value === 'string') this.#addText(value);
    else if (value === null || typeof value !== 'object') this.#literal += scalar(value);
    else if (Array.isArray(value)) {
      this.#literal += '[';
      value.forEach((item, i) => {
        if (i > 0) this.#literal += ',';
        this.add(item);
      });
      this.#literal += ']';
    } else {
      this.#literal += '{';
      sortedEntries(value as Template).forEach(([key, item], i) => {
        this.#literal += (i > 0 ? ',' : '') + quoteJson(wireText(key)) + ':';
        this.add(item);
      });
      this.#literal += '}';
    }
  }

  finish(): Formatter {
    return new CompiledFormatter(this.#literals, this.#writers, this.#literal, 'null');
  }

  #addText(text: string): void {
    const writer = textWriter(text, this.#env, '-');
    if (typeof writer === 'string') {
      this.#literal += writer;
      return;
    }
    this.#literals.push(this.#literal);
    this.#writers.push(writer);
    this.#literal = '';
  }
}

/** JSON source of a format: constant text, or a writer. */
function textWriter(text: string, env: FormatEnvironment, absent: '-' | ''): string | TextWriter {
  const parts = parseFormat(text);
  const only = parts.length === 1 ? parts[0]! : null;
  if (only !== null && 'call' in only) return typedWriter(makeOperator(only, env));
  const format = compileFormat(text, env, absent);
  if (format.constant !== null) return quoteJson(format.constant);
  return (ctx) => quoteJson(format.format(ctx));
}

function typedWriter(operator: Operator): TextWriter {
  if (operator.kind === 'number') return operator.text;
  if (operator.json !== null) return operator.json;
  return (ctx) => {
    const text = operator.text(ctx);
    return text === null ? null : quoteJson(text);
  };
}

/** null when nothing is left of `value`. */
function omittingWriter(value: unknown, env: FormatEnvironment): TextWriter {
  if (typeof value === 'string') {
    const writer = textWriter(value, env, '');
    return typeof writer === 'string' ? () => writer : writer;
  }
  if (value === null) return () => null;
  if (typeof value !== 'object') {
    const text = scalar(value);
    return () => text;
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => omittingWriter(item, env));
    return (ctx) => {
      const out = joined(items, null, ctx);
      return out === '' ? null : '[' + out + ']';
    };
  }
  const entries = sortedEntries(value as Template);
  const keys = entries.map(([key]) => quoteJson(wireText(key)) + ':');
  const items = entries.map(([, item]) => omittingWriter(item, env));
  return (ctx) => {
    const out = joined(items, keys, ctx);
    return out === '' ? null : '{' + out + '}';
  };
}

function joined(items: readonly TextWriter[], keys: readonly string[] | null, ctx: FormatContext): string {
  let out = '';
  for (let i = 0; i < items.length; i++) {
    const text = items[i]!(ctx);
    if (text !== null) out += (out === '' ? '' : ',') + (keys === null ? '' : keys[i]!) + text;
  }
  return out;
}

function sortedEntries(template: Template): [string, unknown][] {
  return Object.entries(template).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Envoy keeps whole numbers, and makes strings of the others. */
function scalar(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? quoteJson(String(value)) : jsonText(value);
}
