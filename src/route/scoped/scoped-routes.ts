/** Scoped routes: several route configurations, one of which a key taken from request headers selects. */
import { firstValue } from '../../http/header-lookup.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import type { Route, RouteTable } from '../route.ts';
import type { RouteTableSettings } from '../settings.ts';

export interface ScopedRoutesSettings {
  readonly kind: 'scoped';
  readonly name: string;
  readonly fragments: readonly FragmentSettings[];
  readonly scopes: readonly { readonly key: readonly string[]; readonly routes: RouteTableSettings }[];
}

/** How one fragment of the key is taken from a header. */
export interface FragmentSettings {
  readonly header: string;
  /** '' : the whole value is the one element. */
  readonly elementSeparator: string;
  /** The element at this place, or the value of the element `key<separator>value`. */
  readonly pick: number | { readonly key: string; readonly separator: string };
}

export class ScopedRouteTable implements RouteTable {
  readonly name: string;
  /** Of all scopes: they are removed before the scope is known. */
  readonly internalOnlyHeaders: readonly string[];
  readonly #fragments: readonly FragmentSettings[];
  readonly #scopes: ReadonlyMap<string, RouteTable>;

  /** @param build makes the table of one scope */
  constructor(settings: ScopedRoutesSettings, build: (routes: RouteTableSettings) => RouteTable) {
    this.name = settings.name;
    this.#fragments = settings.fragments;
    this.#scopes = new Map(settings.scopes.map(({ key, routes }) => [joinKey(key), build(routes)]));
    this.internalOnlyHeaders = [...new Set(settings.scopes.flatMap(({ routes }) => routes.internalOnlyHeaders))];
  }

  /** null also when the key is incomplete or belongs to no scope. */
  match(headers: RequestHeaders, info: StreamInfo, random: number): Route | null {
    return this.find(headers)?.match(headers, info, random) ?? null;
  }

  find(headers: RequestHeaders): RouteTable | null {
    let key = '';
    for (let i = 0; i < this.#fragments.length; i++) {
      const fragment = extract(this.#fragments[i]!, headers);
      if (fragment === undefined) return null;
      key += fragment + '\0';
    }
    return this.#scopes.get(key) ?? null;
  }
}

/** No header value holds the separator. */
function joinKey(key: readonly string[]): string {
  return key.map((fragment) => fragment + '\0').join('');
}

function extract(settings: FragmentSettings, headers: RequestHeaders): string | undefined {
  const value = firstValue(headers, settings.header);
  if (value === undefined) return undefined;
  const elements = settings.elementSeparator === '' ? [value] : value.split(settings.elementSeparator);
  const pick = settings.pick;
  if (typeof pick === 'number') return elements[pick];
  for (const element of elements) {
    const at = element.indexOf(pick.separator);
    if (at >= 0 && element.slice(0, at) === pick.key) return element.slice(at + pick.separator.length);
  }
  return undefined;
}
