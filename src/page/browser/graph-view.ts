/** The service graph as SVG. One stop of the tab key; arrows go from node to node, Enter chooses one and shows its edges. */
import { KeyedChildren, setAttribute, setText, svg } from './dom.ts';
import { flowLine, flowSentence, nodeLabel, shorten } from './flow-text.ts';
import { percent } from './format.ts';
import { columnStart, type Layout, layOut } from './graph-layout.ts';
import { COLUMNS, type Column, type Graph, type GraphEdge, type GraphNode } from './graph-model.ts';

/** Characters that fit, by column. */
const TITLE_LENGTH: readonly number[] = [14, 26, 26, 29, 22];
/** Taller nodes are no hosts. */
const HOST_HEIGHT = 24;
const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
};

interface DrawnNode extends SVGGElement {
  node?: GraphNode;
}

export class GraphView {
  readonly element: SVGSVGElement;
  /** Key of the node chosen; '' = none. */
  chosen = '';
  readonly #onChoose: () => void;
  readonly #heads: SVGGElement;
  readonly #edges: KeyedChildren<GraphEdge, SVGGElement>;
  readonly #nodes: KeyedChildren<GraphNode, DrawnNode>;
  #graph: Graph = { nodes: [], edges: [], clustersShown: 0, clustersMatching: 0 };
  #layout: Layout = { width: 0, height: 0, boxes: new Map() };
  #shape = '';
  /** The node that the tab key reaches. */
  #current = 'clients';
  /** Keys on the paths through the chosen node; null = none is chosen. */
  #path: Set<string> | null = null;

  constructor(onChoose: () => void) {
    this.#onChoose = onChoose;
    const edges = svg('g', { 'aria-hidden': 'true' });
    const nodes = svg('g');
    this.#heads = svg('g', { class: 'graph-heads', 'aria-hidden': 'true' });
    this.element = svg('svg', { class: 'graph', role: 'group', 'aria-label': 'Service graph' }, this.#heads, edges, nodes);
    this.#edges = new KeyedChildren(edges, makeEdge, (element, edge) => this.#drawEdge(element, edge));
    this.#nodes = new KeyedChildren(
      nodes,
      (node) => this.#makeNode(node),
      (element, node) => this.#drawNode(element, node),
    );
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** @param width pixels that there are */
  show(graph: Graph, width: number): void {
    this.#graph = graph;
    const shape = `${width}\n${graph.nodes.map((n) => n.key).join(' ')}\n${graph.edges.map((e) => e.key).join(' ')}`;
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#layout = layOut(graph.nodes, graph.edges, width);
      const { width: w, height: h } = this.#layout;
      setAttribute(this.element, 'width', String(w));
      setAttribute(this.element, 'height', String(h));
      setAttribute(this.element, 'viewBox', `0 0 ${w} ${h}`);
      this.#heads.replaceChildren(...COLUMNS.map((title, i) => svg('text', { x: columnStart(i as Column, width), y: 16 }, title)));
      if (!graph.nodes.some((n) => n.key === this.#current)) this.#current = graph.nodes[0]?.key ?? '';
      if (!graph.nodes.some((n) => n.key === this.chosen)) this.chosen = '';
    }
    this.#path = this.chosen === '' ? null : pathsThrough(this.chosen, graph.edges);
    this.#edges.show(graph.edges, (e) => e.key);
    // In the order in which they are read: by column, from the top.
    const { boxes } = this.#layout;
    const ordered = graph.nodes.toSorted((a, b) => a.column - b.column || boxes.get(a.key)!.y - boxes.get(b.key)!.y);
    this.#nodes.show(ordered, (n) => n.key);
  }

  choose(key: string): void {
    this.chosen = this.chosen === key ? '' : key;
    this.#onChoose();
  }

  #makeNode(node: GraphNode): DrawnNode {
    const element: DrawnNode = svg(
      'g',
      { role: 'button', tabindex: '-1' },
      svg('title'),
      svg('rect', { rx: 6 }),
      // The spaces keep apart what assistive programs put together.
      svg('text', { class: 'node-title', x: 10 }),
      ' ',
      svg('text', { class: 'node-note', x: 10 }),
      ' ',
      svg('text', { class: 'node-flow', x: 10 }),
    );
    element.addEventListener('click', () => {
      this.#current = node.key;
      this.choose(node.key);
    });
    return element;
  }

  #drawNode(element: DrawnNode, node: GraphNode): void {
    element.node = node;
    const box = this.#layout.boxes.get(node.key)!;
    setAttribute(element, 'transform', `translate(${box.x} ${box.y})`);
    const faded = this.#path !== null && !this.#path.has(node.key);
    setAttribute(
      element,
      'class',
      `node ${node.tone ?? ''} ${faded ? 'faded' : ''} ${node.flow === null ? 'idle' : ''}`.replace(/ +/g, ' ').trim(),
    );
    setAttribute(element, 'tabindex', node.key === this.#current ? '0' : '-1');
    setAttribute(element, 'aria-pressed', String(node.key === this.chosen));
    const [title, rect, ...texts] = element.children as unknown as [Element, Element, Element, Element, Element];
    setText(title, `${node.title}: ${flowSentence(node.flow)}`);
    setAttribute(rect, 'width', String(box.width));
    setAttribute(rect, 'height', String(box.height));
    const lines = linesOf(node);
    setAttribute(element, 'aria-label', nodeLabel(node, lines));
    const mark = node.tone === 'error' ? '✕ ' : node.tone === 'warning' ? '! ' : '';
    texts.forEach((text, i) => {
      setText(text, i === 0 ? mark + lines[0] : lines[i]!);
      // Hosts have one line: the address, and at the right what is wrong or how much it carries.
      const right = node.column === 4 && i === 2;
      setAttribute(text, 'y', String(node.column === 4 ? 16 : 18 + 16 * i));
      setAttribute(text, 'x', String(right ? box.width - 8 : 10));
      setAttribute(text, 'text-anchor', right ? 'end' : 'start');
    });
  }

  #drawEdge(element: SVGGElement, edge: GraphEdge): void {
    const from = this.#layout.boxes.get(edge.from);
    const to = this.#layout.boxes.get(edge.to);
    setAttribute(element, 'visibility', from === undefined || to === undefined ? 'hidden' : '');
    if (from === undefined || to === undefined) return;
    const [path, title, label] = element.children as unknown as [Element, Element, Element];
    const x1 = from.x + from.width;
    const y1 = from.y + from.height / 2;
    const y2 = to.y + to.height / 2;
    const bend = (to.x - x1) / 2;
    setAttribute(path, 'd', `M${x1} ${y1}C${x1 + bend} ${y1} ${to.x - bend} ${y2} ${to.x} ${y2}`);
    const { flow } = edge;
    const rate = flow === null ? 0 : flow.tcp === null ? flow.rps : flow.tcp.connections;
    setAttribute(path, 'stroke-width', rate === 0 ? '1' : Math.min(7, 1.4 + 1.5 * Math.log10(1 + rate)).toFixed(1));
    const tone = flow === null || rate === 0 ? 'idle' : flow.errors >= 0.05 ? 'error' : flow.errors >= 0.01 ? 'warning' : '';
    const faded = this.#path !== null && !(this.#path.has(edge.from) && this.#path.has(edge.to));
    setAttribute(element, 'class', `edge ${tone} ${edge.shadow ? 'shadow' : ''} ${faded ? 'faded' : ''}`.replace(/ +/g, ' ').trim());
    setText(title, flowSentence(flow));
    // Colour is not the only sign of an edge that fails; hosts, which stand close together, bear the sign themselves.
    const failing = flow !== null && rate > 0 && flow.errors >= 0.01 && to.height > HOST_HEIGHT;
    setText(label, failing ? `${percent(flow.errors)}` : edge.shadow ? 'copy' : '');
    setAttribute(label, 'x', String(x1 + bend));
    setAttribute(label, 'y', String((y1 + y2) / 2 - 4));
  }

  #onKey(event: KeyboardEvent): void {
    const node = (event.target as DrawnNode).node;
    if (node === undefined) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.choose(node.key);
      return;
    }
    if (event.key === 'Escape' && this.chosen !== '') {
      this.choose(this.chosen);
      return;
    }
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = step[0] === 0 ? this.#inColumn(node, step[1]) : this.#across(node, step[0]);
    if (next === null) return;
    const before = this.#nodes.get(this.#current);
    if (before !== undefined) setAttribute(before, 'tabindex', '-1');
    this.#current = next;
    const element = this.#nodes.get(next)!;
    setAttribute(element, 'tabindex', '0');
    element.focus();
  }

  #inColumn(node: GraphNode, step: number): string | null {
    const { boxes } = this.#layout;
    const column = this.#graph.nodes.filter((n) => n.column === node.column).sort((a, b) => boxes.get(a.key)!.y - boxes.get(b.key)!.y);
    return column[column.findIndex((n) => n.key === node.key) + step]?.key ?? null;
  }

  /** To the nearest of those that an edge leads to. */
  #across(node: GraphNode, step: number): string | null {
    const { boxes } = this.#layout;
    const y = boxes.get(node.key)!.y;
    let best: string | null = null;
    for (const edge of this.#graph.edges) {
      const other = step > 0 && edge.from === node.key ? edge.to : step < 0 && edge.to === node.key ? edge.from : null;
      if (other === null || !boxes.has(other)) continue;
      if (best === null || Math.abs(boxes.get(other)!.y - y) < Math.abs(boxes.get(best)!.y - y)) best = other;
    }
    return best;
  }
}

/** Name, note, figures; '' = nothing to say. */
function linesOf(node: GraphNode): [string, string, string] {
  const name = shorten(node.title, TITLE_LENGTH[node.column]! - (node.tone === null ? 0 : 2));
  const figures = flowLine(node.flow);
  if (node.column === 0) {
    const [rate = '', errors = ''] = figures.split(' · ');
    return [name, rate, errors];
  }
  if (node.column < 4) return [name, shorten(node.note, TITLE_LENGTH[node.column]! + 4), figures];
  return [name, '', node.note !== '' ? node.note : node.flow === null || node.flow.rps === 0 ? '' : figures.split(' · ')[0]!];
}

function makeEdge(): SVGGElement {
  return svg('g', {}, svg('path', { fill: 'none' }), svg('title'), svg('text', { 'text-anchor': 'middle' }));
}

/** Everything before and behind a node. */
function pathsThrough(key: string, edges: readonly GraphEdge[]): Set<string> {
  const found = new Set([key]);
  const walk = (from: (e: GraphEdge) => string, to: (e: GraphEdge) => string): void => {
    const queue = [key];
    const seen = new Set(queue);
    for (let at = queue.pop(); at !== undefined; at = queue.pop())
      for (const edge of edges) {
        if (from(edge) !== at || seen.has(to(edge))) continue;
        seen.add(to(edge));
        found.add(to(edge));
        queue.push(to(edge));
      }
  };
  walk(
    (e) => e.from,
    (e) => e.to,
  );
  walk(
    (e) => e.to,
    (e) => e.from,
  );
  return found;
}
