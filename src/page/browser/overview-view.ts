/** The first view: what the proxy carries, what needs attention, and the service graph. */
import { Chart } from './chart.ts';
import { button, el, KeyedChildren, setAttribute, setHidden, setText } from './dom.ts';
import { flowSentence } from './flow-text.ts';
import { bytes, count, milliseconds, percent, perSecond, plural } from './format.ts';
import { type Graph, type GraphEdge, GraphModel, type GraphNode } from './graph-model.ts';
import { GraphView } from './graph-view.ts';
import { fillHistory, HistoryGroup } from './history.ts';
import { ERROR_SHARE, type Problem, ProblemList } from './problems.ts';
import type { Store } from './store.ts';
import { Table } from './table.ts';
import { choice, searchField, Tile, type View } from './view.ts';

const PROBLEMS_SHOWN = 6;
/** Of the room around the graph, left and right together (style.css). */
const GRAPH_PADDING = 24;
const NARROW = 700;

interface EdgeRow {
  readonly edge: GraphEdge;
  readonly from: GraphNode;
  readonly to: GraphNode;
}

export class OverviewView implements View {
  readonly title = 'Overview';
  readonly element: HTMLElement;
  readonly #tiles = {
    rps: new Tile('Requests', 'Requests of clients a second, over HTTP'),
    errors: new Tile('Errors', 'Share of answers with a status of 500 or more'),
    clientErrors: new Tile('Client errors', 'Share of answers with a status of 400 to 499'),
    p50: new Tile('p50', 'Half of the requests take no longer'),
    p90: new Tile('p90', 'Nine in ten requests take no longer'),
    p99: new Tile('p99', '99 in 100 requests take no longer'),
    active: new Tile('In flight', 'Requests that are being handled'),
    connections: new Tile('Connections', 'Open connections of clients, TCP included'),
    bytes: new Tile('Bytes', 'From and to clients'),
    retries: new Tile('Retries', 'Requests sent upstream again'),
    timeouts: new Tile('Timeouts', 'Requests and tries that took too long'),
    overflows: new Tile('Refused', 'Requests and connections that circuit breakers refused'),
  };
  readonly #charts = [
    { group: new HistoryGroup(['total.rps']), chart: lineChart('Requests', ['requests'], perSecond) },
    { group: new HistoryGroup(['total.errors', 'total.clientErrors']), chart: lineChart('Errors', ['5xx', '4xx'], percent) },
    { group: new HistoryGroup(['total.p50', 'total.p90', 'total.p99']), chart: lineChart('Latency', ['p50', 'p90', 'p99'], milliseconds) },
  ] as const;
  readonly #problems = new ProblemList();
  readonly #problemRoom = el('ul', { class: 'problems' });
  readonly #problemItems: KeyedChildren<Problem, HTMLElement>;
  readonly #problemNote = el('p', { class: 'note' });
  readonly #model = new GraphModel();
  readonly #graph = new GraphView(() => this.#drawGraph());
  readonly #graphRoom: HTMLElement;
  readonly #graphNote = el('p', { class: 'note' });
  readonly #asTable: HTMLButtonElement;
  readonly #edges: Table<EdgeRow>;
  readonly #chosen: HTMLElement;
  readonly #chosenTitle = el('h3');
  readonly #chosenText = el('p', { class: 'note' });
  readonly #chosenLink = el('a');
  readonly #chosenEdges: Table<EdgeRow>;
  #store: Store | null = null;
  #filter = '';
  #limit = 12;
  #tableShown = false;
  #instance = '';

  constructor() {
    this.#problemItems = new KeyedChildren(this.#problemRoom, makeProblem, drawProblem);
    this.#edges = edgeTable('Edges of the service graph');
    this.#chosenEdges = edgeTable('Edges of the chosen part');
    this.#asTable = button('Show as table', () => this.#toggleTable(), { 'aria-pressed': 'false' });
    const search = searchField('Find listener, route or cluster', (text) => {
      this.#filter = text;
      this.#drawGraph();
    });
    const limit = choice(
      'Clusters',
      [
        ['12', '12'],
        ['25', '25'],
        ['50', '50'],
      ],
      (value) => {
        this.#limit = Number(value);
        this.#drawGraph();
      },
    );
    this.#graphRoom = el('div', { class: 'graph-room', tabindex: 0, role: 'group', 'aria-label': 'Service graph, can be scrolled' });
    this.#graphRoom.append(this.#graph.element);
    this.#chosen = el(
      'section',
      { class: 'chosen', hidden: true, 'aria-label': 'The chosen part of the graph' },
      el(
        'div',
        { class: 'bar' },
        this.#chosenTitle,
        this.#chosenLink,
        button('Close', () => this.#graph.choose(this.#graph.chosen)),
      ),
      this.#chosenText,
      this.#chosenEdges.element,
    );
    this.element = el(
      'div',
      { class: 'view' },
      el('dl', { class: 'tiles', 'aria-label': 'Figures of the last second' }, ...Object.values(this.#tiles).map((t) => t.element)),
      el(
        'section',
        { 'aria-labelledby': 'problems-title' },
        el('h2', { id: 'problems-title' }, 'Needs attention'),
        this.#problemRoom,
        this.#problemNote,
      ),
      el(
        'section',
        { 'aria-labelledby': 'history-title' },
        el('h2', { id: 'history-title' }, 'Last 15 minutes'),
        el('div', { class: 'charts' }, ...this.#charts.map((c) => c.chart.element)),
      ),
      el(
        'section',
        { 'aria-labelledby': 'graph-title' },
        el('div', { class: 'bar' }, el('h2', { id: 'graph-title' }, 'Service graph'), search.element, limit.element, this.#asTable),
        this.#graphNote,
        this.#graphRoom,
        this.#edges.element,
        this.#chosen,
      ),
    );
    this.#edges.element.hidden = true;
    new ResizeObserver(() => this.#drawGraph()).observe(this.#graphRoom);
    // Where five columns have no room the table says the same.
    if (innerWidth < NARROW) this.#toggleTable();
  }

  update(store: Store): void {
    this.#store = store;
    const { totals } = store;
    if (totals === null) return;
    if (store.instance !== this.#instance || this.#charts[0].group.lacks(store.wallMs)) {
      this.#instance = store.instance;
      void fillHistory(this.#charts);
    }
    const t = this.#tiles;
    t.rps.show(perSecond(totals.rps));
    t.errors.show(
      percent(totals.rps === 0 ? null : totals.errors),
      totals.errors >= ERROR_SHARE ? 'error' : totals.errors > 0 ? 'warning' : '',
    );
    t.clientErrors.show(percent(totals.rps === 0 ? null : totals.clientErrors));
    t.p50.show(milliseconds(totals.p50));
    t.p90.show(milliseconds(totals.p90));
    t.p99.show(milliseconds(totals.p99));
    t.active.show(count(totals.active));
    t.connections.show(count(totals.connections));
    t.bytes.show(`${bytes(totals.rxBytesPerS + totals.txBytesPerS)}/s`);
    t.retries.show(perSecond(totals.retriesPerS));
    t.timeouts.show(perSecond(totals.timeoutsPerS), totals.timeoutsPerS > 0 ? 'warning' : '');
    t.overflows.show(perSecond(totals.overflowsPerS), totals.overflowsPerS > 0 ? 'error' : '');
    this.#charts[0].group.add(store.wallMs, [totals.rps]);
    this.#charts[1].group.add(store.wallMs, totals.rps === 0 ? [null, null] : [totals.errors, totals.clientErrors]);
    this.#charts[2].group.add(store.wallMs, [totals.p50, totals.p90, totals.p99]);
    for (const { chart, group } of this.#charts) chart.show(group);
    this.#drawProblems(store);
    this.#drawGraph();
  }

  recolour(): void {
    for (const { chart } of this.#charts) chart.recolour();
  }

  leave(): void {
    for (const { chart } of this.#charts) chart.destroy();
  }

  #drawProblems(store: Store): void {
    const problems = this.#problems.update(store);
    this.#problemItems.show(problems.slice(0, PROBLEMS_SHOWN), (p) => p.key);
    setHidden(this.#problemRoom, problems.length === 0);
    const rest = problems.length - PROBLEMS_SHOWN;
    setText(
      this.#problemNote,
      problems.length === 0
        ? 'Nothing: no cluster fails, all hosts are healthy, no circuit breaker is near its limit.'
        : rest > 0
          ? `and ${rest} more`
          : '',
    );
  }

  #toggleTable(): void {
    this.#tableShown = !this.#tableShown;
    setAttribute(this.#asTable, 'aria-pressed', String(this.#tableShown));
    this.#graphRoom.hidden = this.#tableShown;
    this.#edges.element.hidden = !this.#tableShown;
    this.#drawGraph();
  }

  #drawGraph(): void {
    const store = this.#store;
    if (store === null) return;
    const graph = this.#model.build(store, this.#limit, this.#filter);
    setText(this.#graphNote, noteOf(graph, this.#filter));
    if (this.#tableShown) this.#edges.show(rowsOf(graph, () => true));
    else this.#graph.show(graph, Math.floor(this.#graphRoom.clientWidth) - GRAPH_PADDING);
    this.#drawChosen(graph);
  }

  #drawChosen(graph: Graph): void {
    const key = this.#tableShown ? '' : this.#graph.chosen;
    const node = graph.nodes.find((n) => n.key === key);
    setHidden(this.#chosen, node === undefined);
    if (node === undefined) return;
    setText(this.#chosenTitle, node.title);
    setText(this.#chosenText, [node.note, flowSentence(node.flow)].filter((part) => part !== '').join(', '));
    setHidden(this.#chosenLink, node.href === '');
    setAttribute(this.#chosenLink, 'href', node.href);
    setText(this.#chosenLink, 'Open cluster');
    this.#chosenEdges.show(rowsOf(graph, (edge) => edge.from === key || edge.to === key));
  }
}

function noteOf(graph: Graph, filter: string): string {
  const { clustersShown, clustersMatching } = graph;
  if (clustersMatching === 0) return filter === '' ? 'No clusters are configured.' : `Nothing is called “${filter}”.`;
  if (clustersShown === clustersMatching) return `${plural(clustersShown, 'cluster')}${filter === '' ? '' : ' found'}.`;
  return `${clustersShown} of ${plural(clustersMatching, 'cluster')}${filter === '' ? '' : ' found'}: failing ones first, then the busiest. Search to see others.`;
}

function rowsOf(graph: Graph, wanted: (edge: GraphEdge) => boolean): EdgeRow[] {
  const nodes = new Map(graph.nodes.map((n) => [n.key, n]));
  const rows: EdgeRow[] = [];
  for (const edge of graph.edges) {
    const from = nodes.get(edge.from);
    const to = nodes.get(edge.to);
    if (from !== undefined && to !== undefined && wanted(edge)) rows.push({ edge, from, to });
  }
  return rows;
}

function edgeTable(label: string): Table<EdgeRow> {
  return new Table<EdgeRow>({
    label,
    key: (row) => row.edge.key,
    empty: 'No edges.',
    columns: [
      { title: 'From', text: (row) => row.from.title, sortBy: (row) => row.from.title },
      { title: 'To', text: (row) => `${row.to.title}${row.edge.shadow ? ' (copies)' : ''}`, sortBy: (row) => row.to.title },
      {
        title: 'Requests',
        numeric: true,
        text: (row) => (row.edge.flow === null ? '0/s' : perSecond(row.edge.flow.rps)),
        sortBy: (row) => row.edge.flow?.rps ?? 0,
      },
      {
        title: 'Errors',
        numeric: true,
        text: (row) => percent(row.edge.flow === null || row.edge.flow.rps === 0 ? null : row.edge.flow.errors),
        sortBy: (row) => row.edge.flow?.errors ?? -1,
      },
      { title: 'p50', numeric: true, text: (row) => milliseconds(row.edge.flow?.p50 ?? null), sortBy: (row) => row.edge.flow?.p50 ?? -1 },
      { title: 'p90', numeric: true, text: (row) => milliseconds(row.edge.flow?.p90 ?? null), sortBy: (row) => row.edge.flow?.p90 ?? -1 },
      { title: 'p99', numeric: true, text: (row) => milliseconds(row.edge.flow?.p99 ?? null), sortBy: (row) => row.edge.flow?.p99 ?? -1 },
      { title: 'TCP', hint: 'Open connections and bytes a second', numeric: true, text: (row) => tcpText(row.edge) },
    ],
    tone: (row) => ((row.edge.flow?.errors ?? 0) >= ERROR_SHARE ? 'error' : ''),
  });
}

function tcpText(edge: GraphEdge): string {
  const tcp = edge.flow?.tcp ?? null;
  return tcp === null ? '' : `${plural(tcp.connections, 'connection')}, ${bytes(tcp.bytesPerS)}/s`;
}

function makeProblem(problem: Problem): HTMLElement {
  return el(
    'li',
    {},
    el('span', { class: `status ${problem.tone}` }, problem.tone === 'error' ? 'Failing' : 'Warning'),
    el('a', { href: problem.href }, problem.subject),
    el('span'),
  );
}

function drawProblem(element: HTMLElement, problem: Problem): void {
  const badge = element.children[0]!;
  setAttribute(badge, 'class', `status ${problem.tone}`);
  setText(badge, problem.tone === 'error' ? 'Failing' : 'Warning');
  setText(element.children[2]!, problem.text);
}

/** Solid, dashed, dotted: told apart without colour. */
const DASHES: readonly (readonly number[] | undefined)[] = [undefined, [6, 3], [2, 2]];

export function lineChart(title: string, labels: readonly string[], format: (value: number | null) => string): Chart {
  const lines = labels.map((label, i) => {
    const dash = DASHES[i];
    return { label, color: `--line-${i + 1}`, ...(dash === undefined ? {} : { dash }) };
  });
  return new Chart({ title, lines, format });
}
