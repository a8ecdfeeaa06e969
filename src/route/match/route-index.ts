/**
 * Finds the routes of a virtual host that a path can match, in their order, without looking at the others. First match wins in Envoy, so
 * this is an index over an ordered list: exact paths by hash, prefixes by binary search, and whatever neither covers always.
 */
import type { PathMatchSettings } from '../settings.ts';

export interface IndexedPath {
  readonly path: PathMatchSettings;
  /** A text that every matching path begins with; for regular expressions. */
  readonly literalPrefix: string;
  /** Nothing but the path decides: later candidates are never reached. */
  readonly isPathOnly: boolean;
}

/** Routes that share a prefix, linked to those of the next shorter one. All prefixes of a path lie on one such chain. */
class PrefixNode {
  readonly text: string;
  readonly own: number[];
  parent: PrefixNode | null;
  candidates: Int32Array | null;
  constructor(text: string) {
    this.text = text;
    this.own = [];
    this.parent = null;
    this.candidates = null;
  }
}

/** Up to this many different prefix lengths, a look-up for each of them is cheaper than a binary search over all prefixes. */
const MAX_LENGTHS = 8;

/** Candidate lists are kept once computed, up to this many entries over all of them. */
const MAX_KEPT = 1_000_000;

export class RouteIndex {
  readonly #paths: readonly IndexedPath[];
  readonly #exact = new Map<string, { readonly own: number[]; candidates: Int32Array | null }>();
  /** Sorted by text, so that the prefixes of a path precede it. */
  readonly #prefixes: PrefixNode[];
  /** Prefixes by their length, longest first; null where there are too many lengths. */
  readonly #byLength: readonly { readonly length: number; readonly nodes: ReadonlyMap<string, PrefixNode> }[] | null;
  /** Routes that may match any path. */
  readonly #anywhere: number[] = [];
  readonly #anywhereOnly: Int32Array;
  #kept = 0;

  constructor(paths: readonly IndexedPath[]) {
    this.#paths = paths;
    const nodes = new Map<string, PrefixNode>();
    paths.forEach((indexed, i) => {
      const { kind, value, caseSensitive } = indexed.path;
      if (kind === 'path' && caseSensitive) {
        const entry = this.#exact.get(value);
        if (entry === undefined) this.#exact.set(value, { own: [i], candidates: null });
        else entry.own.push(i);
        return;
      }
      const prefix = (kind === 'prefix' || kind === 'path_separated_prefix') && caseSensitive ? value : indexed.literalPrefix;
      if (prefix === '' || kind === 'connect') {
        this.#anywhere.push(i);
        return;
      }
      let node = nodes.get(prefix);
      if (node === undefined) nodes.set(prefix, (node = new PrefixNode(prefix)));
      node.own.push(i);
    });
    this.#prefixes = [...nodes.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
    this.#linkParents();
    this.#byLength = groupByLength(this.#prefixes);
    this.#anywhereOnly = this.#merge('', [], null);
  }

  /** Indices of routes, ascending. One that is not among them cannot match; one that is may still not match. */
  candidates(path: string): Int32Array {
    const exact = this.#exact.get(path);
    if (exact !== undefined) {
      if (exact.candidates !== null) return exact.candidates;
      const merged = this.#merge(path, exact.own, this.#deepest(path));
      if (this.#keep(merged)) exact.candidates = merged;
      return merged;
    }
    const node = this.#deepest(path);
    if (node === null) return this.#anywhereOnly;
    if (node.candidates !== null) return node.candidates;
    const merged = this.#merge(path, [], node);
    if (this.#keep(merged)) node.candidates = merged;
    return merged;
  }

  #linkParents(): void {
    const open: PrefixNode[] = [];
    for (const node of this.#prefixes) {
      while (open.length > 0 && !node.text.startsWith(open.at(-1)!.text)) open.pop();
      node.parent = open.at(-1) ?? null;
      open.push(node);
    }
  }

  /** The longest known prefix of `path`. */
  #deepest(path: string): PrefixNode | null {
    if (this.#byLength === null) return this.#predecessor(path);
    for (let i = 0; i < this.#byLength.length; i++) {
      const { length, nodes } = this.#byLength[i]!;
      if (length > path.length) continue;
      const node = nodes.get(length === path.length ? path : path.slice(0, length));
      if (node !== undefined) return node;
    }
    return null;
  }

  #predecessor(path: string): PrefixNode | null {
    const nodes = this.#prefixes;
    let low = 0;
    let high = nodes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (nodes[middle]!.text <= path) low = middle + 1;
      else high = middle;
    }
    // Every prefix of `path` sorts between itself and `path`, hence is a prefix of the nearest predecessor as well.
    let node = low === 0 ? null : nodes[low - 1]!;
    while (node !== null && !path.startsWith(node.text)) node = node.parent;
    return node;
  }

  #merge(path: string, own: readonly number[], deepest: PrefixNode | null): Int32Array {
    const all = [...own, ...this.#anywhere];
    for (let node = deepest; node !== null; node = node.parent) for (const i of node.own) all.push(i);
    all.sort((a, b) => a - b);
    const decisive = all.findIndex((i) => this.#isDecisive(i, path));
    return Int32Array.from(decisive < 0 ? all : all.slice(0, decisive + 1));
  }

  /** The route matches every path that gets this list. */
  #isDecisive(index: number, path: string): boolean {
    const { path: match, isPathOnly } = this.#paths[index]!;
    if (!isPathOnly || !match.caseSensitive) return false;
    return match.kind === 'prefix' ? true : match.kind === 'path' && match.value === path;
  }

  #keep(candidates: Int32Array): boolean {
    this.#kept += candidates.length;
    return this.#kept <= MAX_KEPT;
  }
}

function groupByLength(
  nodes: readonly PrefixNode[],
): { readonly length: number; readonly nodes: ReadonlyMap<string, PrefixNode> }[] | null {
  const groups = new Map<number, Map<string, PrefixNode>>();
  for (const node of nodes) {
    const group = groups.get(node.text.length);
    if (group === undefined) groups.set(node.text.length, new Map([[node.text, node]]));
    else group.set(node.text, node);
  }
  if (groups.size > MAX_LENGTHS) return null;
  return [...groups].map(([length, group]) => ({ length, nodes: group })).sort((a, b) => b.length - a.length);
}
