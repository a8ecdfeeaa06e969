/** Hosts that a request names by a header or by dynamic metadata. Source: envoy.extensions.load_balancing_policies.override_host. */

export type OverrideSource =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'metadata'; readonly namespace: string; readonly path: readonly string[] };

/** What sources read. */
export interface OverrideFacts {
  readonly requestHeaders: { lookup(name: string): string | undefined; get(name: string): string | undefined } | null;
  readonly streamInfo: { readonly dynamicMetadata: ReadonlyMap<string, Readonly<Record<string, unknown>>> | null };
}

/** Addresses in order of preference, of the first source that names any. */
export function namedAddresses(sources: readonly OverrideSource[], facts: OverrideFacts): readonly string[] {
  for (const source of sources) {
    const text = source.kind === 'header' ? facts.requestHeaders?.get(source.name) : metadataText(source, facts);
    if (text !== undefined && text !== '') return text.split(',').map((address) => address.trim());
  }
  return [];
}

function metadataText(source: Extract<OverrideSource, { kind: 'metadata' }>, facts: OverrideFacts): string | undefined {
  let value: unknown = facts.streamInfo.dynamicMetadata?.get(source.namespace);
  for (const key of source.path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return typeof value === 'string' ? value : undefined;
}
