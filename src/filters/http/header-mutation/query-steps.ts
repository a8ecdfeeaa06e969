/** Changes of the query string. Behaviour: Envoy's QueryParamsMulti, which sorts the parameters by their names. */
import { compileFormat, type Formatter } from '../../../http/format/formatter.ts';
import type { FormatContext, FormatEnvironment } from '../../../http/format/operator.ts';
import { percentDecode } from '../../../http/query.ts';
import type { QueryStepSettings } from './settings.ts';

interface Step {
  readonly key: string;
  readonly value: Formatter;
  readonly action: QueryStepSettings['action'];
}

export class QuerySteps {
  readonly #steps: readonly Step[];

  constructor(settings: readonly QueryStepSettings[], format: FormatEnvironment) {
    this.#steps = settings.map(({ key, value, action }) => ({ key, value: compileFormat(value, format, ''), action }));
  }

  get empty(): boolean {
    return this.#steps.length === 0;
  }

  /** @returns `path` with its query changed; what is not changed stays as it was encoded */
  apply(path: string, ctx: FormatContext): string {
    const question = path.indexOf('?');
    const parameters = parse(question < 0 ? '' : path.slice(question + 1));
    for (const { key, value, action } of this.#steps) {
      const before = parameters.get(key);
      if (action === 'REMOVE') parameters.delete(key);
      else if (before === undefined) {
        if (action !== 'OVERWRITE_IF_EXISTS') parameters.set(key, [`${key}=${value.format(ctx)}`]);
      } else if (action === 'APPEND_IF_EXISTS_OR_ADD') before.push(`${key}=${value.format(ctx)}`);
      else if (action !== 'ADD_IF_ABSENT') parameters.set(key, [`${key}=${value.format(ctx)}`]);
    }
    const names = [...parameters.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const query = names.map((name) => parameters.get(name)!.join('&')).join('&');
    return (question < 0 ? path : path.slice(0, question)) + (query === '' ? '' : '?' + query);
  }
}

/** Parameters as written ("name=value"), by their decoded names. */
function parse(query: string): Map<string, string[]> {
  const parameters = new Map<string, string[]>();
  for (let at = 0; at < query.length; ) {
    const and = query.indexOf('&', at);
    const end = and < 0 ? query.length : and;
    const part = query.slice(at, end);
    const equals = part.indexOf('=');
    const name = percentDecode(equals < 0 ? part : part.slice(0, equals));
    const text = equals < 0 ? part + '=' : part;
    const values = parameters.get(name);
    if (values === undefined) parameters.set(name, [text]);
    else values.push(text);
    at = end + 1;
  }
  return parameters;
}
