/** Finds the method that a request means, and what its path and query say for it. Behaviour: Envoy's JsonTranscoderConfig::createTranscoder. */
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { RequestHeaders } from '../../../http/header-map.ts';
import { type Binding, bindingValue, fieldNamed, HTTP_BODY, resolveFields, TypeSet } from './codec.ts';
import { matchTemplate, type PathTemplate, parseTemplate, unescapeSegment } from './path-template.ts';
import type { HttpRule, TranscodedMethod, TranscoderSettings } from './settings.ts';

export interface Route {
  readonly method: TranscodedMethod;
  readonly rule: HttpRule;
  readonly template: PathTemplate;
  readonly input: DescMessage;
  readonly output: DescMessage;
  /** The request's body, or the field that it is, is a google.api.HttpBody. */
  readonly httpBodyRequest: boolean;
  readonly httpBodyResponse: boolean;
  readonly bodyField: DescField | null;
  readonly responseField: DescField | null;
  readonly variables: readonly (readonly DescField[] | null)[];
}

export type Found =
  | { readonly route: Route; readonly bindings: readonly Binding[] }
  | { readonly failure: 'NOT_FOUND' | 'INVALID_ARGUMENT'; readonly message: string };

const NOT_FOUND: Found = { failure: 'NOT_FOUND', message: 'Could not resolve /' };

/** Text of the wire → UTF-8 read as text. */
const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');

export class MethodTable {
  readonly types: TypeSet;
  readonly #settings: TranscoderSettings;
  readonly #byMethod = new Map<string, Route[]>();
  readonly #verbs = new Set<string>();
  readonly #ignored: ReadonlySet<string>;

  constructor(settings: TranscoderSettings) {
    this.#settings = settings;
    this.types = new TypeSet(settings.descriptors);
    this.#ignored = new Set(settings.ignoredParameters);
    for (const method of settings.methods) for (const rule of method.rules) this.#add(method, rule);
    // The more is said literally, the earlier it is tried.
    for (const routes of this.#byMethod.values()) routes.sort((a, b) => compare(a.template.segments, b.template.segments));
  }

  find(headers: RequestHeaders): Found {
    const { path } = headers;
    const question = path.indexOf('?');
    const plain = question < 0 ? path : path.slice(0, question);
    const routes = this.#byMethod.get(headers.method);
    if (routes === undefined) return this.#unknown(plain);
    let verb = '';
    let without = plain;
    const colon = plain.lastIndexOf(':');
    if (colon > plain.lastIndexOf('/')) {
      const candidate = plain.slice(colon + 1);
      if (this.#settings.matchUnregisteredVerb || this.#verbs.has(candidate)) {
        verb = candidate;
        without = plain.slice(0, colon);
      }
    }
    const parts = without.slice(1).split('/');
    for (const route of routes) {
      const values = matchTemplate(route.template, parts, verb);
      if (values === null) continue;
      return this.#bind(route, values, question < 0 ? '' : path.slice(question + 1));
    }
    return this.#unknown(plain);
  }

  #unknown(path: string): Found {
    return { ...NOT_FOUND, message: `Could not resolve ${path} to a method.` } as Found;
  }

  #add(method: TranscodedMethod, rule: HttpRule): void {
    const template = parseTemplate(rule.path)!;
    const input = this.types.message(method.input);
    const output = this.types.message(method.output);
    const bodyField = rule.body === '' || rule.body === '*' ? null : (fieldNamed(input, rule.body) ?? null);
    const responseField = rule.responseBody === '' ? null : (fieldNamed(output, rule.responseBody) ?? null);
    const route: Route = {
      method,
      rule,
      template,
      input,
      output,
      httpBodyRequest: (rule.body === '*' ? input.typeName : bodyField?.message?.typeName) === HTTP_BODY,
      httpBodyResponse: (responseField === null ? output.typeName : responseField.message?.typeName) === HTTP_BODY,
      bodyField,
      responseField,
      variables: template.variables.map(({ field }) => resolveFields(input, field)),
    };
    const routes = this.#byMethod.get(rule.method);
    if (routes === undefined) this.#byMethod.set(rule.method, [route]);
    else routes.push(route);
    if (template.verb !== '') this.#verbs.add(template.verb);
  }

  #bind(route: Route, values: readonly string[], query: string): Found {
    const { unescape: spec, unescapePlus, ignoreUnknownParameters, caseInsensitiveEnums } = this.#settings;
    const bindings: Binding[] = [];
    for (let i = 0; i < values.length; i++) {
      const fields = route.variables[i];
      if (fields === null || fields === undefined) continue;
      const multiple = route.template.variables[i]!.multiple;
      const keeps = !multiple || spec === 'all' ? 'nothing' : spec === 'except-slash' ? 'slash' : 'reserved';
      const text = utf8(unescapeSegment(values[i]!, keeps));
      bindings.push({ fields, value: bindingValue(fields.at(-1)!, text, caseInsensitiveEnums) });
    }
    for (const pair of query === '' ? [] : query.split('&')) {
      const equals = pair.indexOf('=');
      const name = equals < 0 ? pair : pair.slice(0, equals);
      if (name === '' || this.#ignored.has(name)) continue;
      const fields = resolveFields(route.input, name.split('.'));
      if (fields === null) {
        if (ignoreUnknownParameters) continue;
        return { failure: 'INVALID_ARGUMENT', message: `Could not find field "${name}" in the type "${route.input.typeName}".` };
      }
      const raw = equals < 0 ? '' : pair.slice(equals + 1);
      const text = utf8(unescapeSegment(unescapePlus ? raw.replaceAll('+', ' ') : raw, 'nothing'));
      bindings.push({ fields, value: bindingValue(fields.at(-1)!, text, caseInsensitiveEnums) });
    }
    return { route, bindings };
  }
}

/** Literals before '*', '*' before '**', segment by segment. */
function compare(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = rank(a[i]!) - rank(b[i]!);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rank(segment: string): number {
  return segment === '**' ? 2 : segment === '*' ? 1 : 0;
}
