/** Header additions and removals of one level (route configuration, virtual host, route, weighted entry). */
import { compileFormat, type Formatter } from '../../http/format/formatter.ts';
import type { FormatContext, FormatEnvironment } from '../../http/format/operator.ts';
import type { HeaderMap } from '../../http/header-map.ts';
import type { HeaderAddSettings, HeaderMutationSettings } from '../settings.ts';

/** null when there is nothing to do. */
export function buildHeaderMutation(settings: HeaderMutationSettings | null, env: FormatEnvironment): HeaderMutation | null {
  return settings === null || settings.add.length + settings.remove.length === 0 ? null : new HeaderMutation(settings, env);
}

export class HeaderMutation {
  readonly #remove: readonly string[];
  readonly #add: readonly Addition[];
  /** Values of the additions under way, parallel to #add; kept so that none is allocated per request. */
  readonly #values: (string | null)[];

  constructor(settings: HeaderMutationSettings, env: FormatEnvironment) {
    this.#remove = settings.remove;
    this.#add = settings.add.map((add) => new Addition(add, env));
    this.#values = settings.add.map(() => null);
  }

  apply(headers: HeaderMap, ctx: FormatContext): void {
    for (let i = 0; i < this.#remove.length; i++) headers.remove(this.#remove[i]!);
    const add = this.#add;
    const values = this.#values;
    // Every value is computed before the first is written: formats see the headers as they came.
    for (let i = 0; i < add.length; i++) values[i] = add[i]!.value(headers, ctx);
    for (let i = 0; i < add.length; i++) {
      if (!add[i]!.overwrites || values[i] === null) continue;
      // As in Envoy the new line is the last, not in the place of the old.
      headers.remove(add[i]!.name);
      headers.add(add[i]!.name, values[i]!);
    }
    for (let i = 0; i < add.length; i++) if (!add[i]!.overwrites && values[i] !== null) headers.append(add[i]!.name, values[i]!);
  }
}

class Addition {
  readonly name: string;
  readonly overwrites: boolean;
  readonly #format: Formatter;
  readonly #keepEmpty: boolean;
  /** Whether the header has to be there, has to be absent, or neither. */
  readonly #requires: 'present' | 'absent' | '';

  constructor(settings: HeaderAddSettings, env: FormatEnvironment) {
    this.name = settings.name;
    this.overwrites = settings.action === 'OVERWRITE_IF_EXISTS_OR_ADD' || settings.action === 'OVERWRITE_IF_EXISTS';
    this.#format = compileFormat(settings.value, env, '');
    this.#keepEmpty = settings.keepEmpty;
    this.#requires = settings.action === 'ADD_IF_ABSENT' ? 'absent' : settings.action === 'OVERWRITE_IF_EXISTS' ? 'present' : '';
  }

  /** null: not to be written. */
  value(headers: HeaderMap, ctx: FormatContext): string | null {
    if (this.#requires !== '' && headers.has(this.name) !== (this.#requires === 'present')) return null;
    const value = this.#format.constant ?? this.#format.format(ctx);
    return value === '' && !this.#keepEmpty ? null : value;
  }
}
