/** The parts of a `/config_dump`, each with its name and its text for searching. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface ConfigItem {
  readonly id: number;
  /** "Clusters", "Bootstrap". */
  readonly kind: string;
  /** Field of the dump that it is in: "static_clusters"; ''. */
  readonly field: string;
  readonly name: string;
  readonly value: Json;
  /** Lower case. */
  readonly text: string;
}

const DEPTH = 4;

export function configItems(configs: readonly Json[]): ConfigItem[] {
  const items: ConfigItem[] = [];
  const add = (kind: string, field: string, name: string, value: Json) =>
    items.push({ id: items.length, kind, field, name, value, text: `${name}\n${JSON.stringify(value)}`.toLowerCase() });
  for (const config of configs) {
    if (!isObject(config)) continue;
    const type = String(config['@type'] ?? '');
    const kind = type.slice(type.lastIndexOf('.') + 1).replace(/ConfigDump$/, '');
    const lists = Object.entries(config).filter((entry): entry is [string, readonly Json[]] => Array.isArray(entry[1]));
    if (lists.length === 0) add(kind, '', kind.toLowerCase(), config);
    for (const [field, list] of lists) for (const value of list) add(kind, field, nameOf(value, DEPTH) ?? '(no name)', value);
  }
  return items;
}

/** The nearest `name` or `cluster_name`; breadth first, since filters inside have names too. */
function nameOf(value: Json, depth: number): string | null {
  let level: Json[] = [value];
  for (let i = 0; i < depth; i++) {
    const next: Json[] = [];
    for (const at of level) {
      if (!isObject(at)) continue;
      const name = at['name'] ?? at['cluster_name'];
      if (typeof name === 'string' && name !== '') return name;
      next.push(...Object.values(at));
    }
    level = next;
  }
  return null;
}

export function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
