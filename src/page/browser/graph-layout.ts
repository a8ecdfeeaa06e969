/** Places of the graph's nodes: five columns, hosts stacked by cluster, everything else as near as it gets to what it leads to. */
import type { Column, GraphEdge, GraphNode } from './graph-model.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: ReadonlyMap<string, Box>;
}

const NODE_WIDTH: readonly number[] = [112, 196, 196, 216, 200];
const NODE_HEIGHT: readonly number[] = [64, 58, 58, 58, 24];
const MIN_GAP_X = 30;
const GAP_Y = 10;
const HOST_GAP_Y = 4;
const GROUP_GAP_Y = 14;
const TOP = 34;

/** @param wanted width to fill, if it is enough */
export function layOut(nodes: readonly GraphNode[], edges: readonly GraphEdge[], wanted: number): Layout {
  const widths = NODE_WIDTH.reduce((sum, width) => sum + width, 0);
  const gapX = Math.max(MIN_GAP_X, (wanted - widths - 2) / 4);
  const columnX = NODE_WIDTH.map((_, i) => NODE_WIDTH.slice(0, i).reduce((sum, width) => sum + width + gapX, 1));

  const byKey = new Map(nodes.map((node) => [node.key, node]));
  // Copies cross whatever is in their way; they decide nothing.
  const deciding = edges.filter((edge) => !edge.shadow);
  const sources = neighbours(deciding, (e) => [e.to, e.from]);
  const targets = neighbours(deciding, (e) => [e.from, e.to]);

  // From left to right: an order in which few edges cross.
  const columns: GraphNode[][] = [[], [], [], [], []];
  for (const node of nodes) columns[node.column]!.push(node);
  const place = new Map<string, number>();
  columns.forEach((column, i) => {
    const mean = new Map(column.map((node) => [node.key, average(sources.get(node.key), place) ?? column.length / 2]));
    // Hosts keep the order in which their cluster lists them.
    if (i < 4) column.sort((a, b) => mean.get(a.key)! - mean.get(b.key)! || compare(a.title, b.title) || compare(a.key, b.key));
    else column.sort((a, b) => mean.get(a.key)! - mean.get(b.key)!);
    for (const [index, node] of column.entries()) place.set(node.key, index);
  });

  // From right to left: hosts first, each other column at the middle of what it leads to.
  const middle = new Map<string, number>();
  let height = TOP;
  let y = TOP;
  const grouped = groupsOf(columns[3]!, targets, byKey);
  for (const { cluster, hosts } of grouped) {
    const room = Math.max(NODE_HEIGHT[3]!, hosts.length * (NODE_HEIGHT[4]! + HOST_GAP_Y) - HOST_GAP_Y);
    let hostY = y + (room - hosts.length * (NODE_HEIGHT[4]! + HOST_GAP_Y) + HOST_GAP_Y) / 2;
    for (const host of hosts) {
      middle.set(host, hostY + NODE_HEIGHT[4]! / 2);
      hostY += NODE_HEIGHT[4]! + HOST_GAP_Y;
    }
    middle.set(cluster, y + room / 2);
    y += room + GROUP_GAP_Y;
  }
  height = Math.max(height, y - GROUP_GAP_Y);
  for (const i of [2, 1, 0] as const) height = Math.max(height, spread(columns[i]!, i, targets, middle, height));

  const boxes = new Map<string, Box>();
  for (const node of nodes) {
    const nodeHeight = NODE_HEIGHT[node.column]!;
    boxes.set(node.key, {
      x: columnX[node.column]!,
      y: middle.get(node.key)! - nodeHeight / 2,
      width: NODE_WIDTH[node.column]!,
      height: nodeHeight,
    });
  }
  return { width: Math.max(wanted, widths + 4 * gapX + 2), height: height + 8, boxes };
}

export function columnStart(column: Column, wanted: number): number {
  const widths = NODE_WIDTH.reduce((sum, width) => sum + width, 0);
  const gapX = Math.max(MIN_GAP_X, (wanted - widths - 2) / 4);
  return NODE_WIDTH.slice(0, column).reduce((sum, width) => sum + width + gapX, 1);
}

/** Puts a column where it leads to, without overlaps and in its order. @returns where it ends */
function spread(
  column: readonly GraphNode[],
  index: 0 | 1 | 2,
  targets: ReadonlyMap<string, readonly string[]>,
  middle: Map<string, number>,
  bottom: number,
): number {
  const nodeHeight = NODE_HEIGHT[index]!;
  const step = nodeHeight + GAP_Y;
  const wanted = column.map((node) => average(targets.get(node.key), middle) ?? TOP + nodeHeight / 2);
  // Downwards from the top, then upwards from the bottom: what does not fit moves as little as possible.
  const places: number[] = [];
  let least = TOP + nodeHeight / 2;
  for (const want of wanted) {
    const at = Math.max(want, least);
    places.push(at);
    least = at + step;
  }
  let most = Math.max(bottom, TOP + column.length * step - GAP_Y) - nodeHeight / 2;
  for (let i = places.length - 1; i >= 0; i--) {
    places[i] = Math.min(places[i]!, most);
    most = places[i]! - step;
  }
  for (const [i, node] of column.entries()) middle.set(node.key, places[i]!);
  return column.length === 0 ? 0 : places.at(-1)! + nodeHeight / 2;
}

function groupsOf(
  clusters: readonly GraphNode[],
  targets: ReadonlyMap<string, readonly string[]>,
  byKey: ReadonlyMap<string, GraphNode>,
): { cluster: string; hosts: string[] }[] {
  return clusters.map(({ key }) => ({ cluster: key, hosts: (targets.get(key) ?? []).filter((to) => byKey.get(to)?.column === 4) }));
}

function neighbours(edges: readonly GraphEdge[], ends: (edge: GraphEdge) => readonly [string, string]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (const edge of edges) {
    const [key, value] = ends(edge);
    const list = map.get(key);
    if (list === undefined) map.set(key, [value]);
    else list.push(value);
  }
  return map;
}

function average(keys: readonly string[] | undefined, values: ReadonlyMap<string, number>): number | null {
  let sum = 0;
  let n = 0;
  for (const key of keys ?? []) {
    const value = values.get(key);
    if (value === undefined) continue;
    sum += value;
    n++;
  }
  return n === 0 ? null : sum / n;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
