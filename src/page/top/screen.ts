/** `outrider top`: the state as lines of text, for a terminal of some size or, without colours, for a file. */
import type { BreakerLimitsPart, BreakerUse, ClusterFigures, ClusterPart, LoggedRequest } from '../snapshot.ts';
import { bytes, clockTime, millis, ofLimit, perSecond, share, span } from './format.ts';
import { type Column, inWidth, printable, type Row, type Style, styled, table } from './text-table.ts';
import type { TopState } from './top-state.ts';

export const SORTS = ['req/s', 'errors', 'p99', 'name'] as const;
export type Sort = (typeof SORTS)[number];

export interface View {
  readonly admin: string;
  readonly width: number;
  /** Lines; 0 = as many as there are. */
  readonly height: number;
  readonly colors: boolean;
  readonly sort: Sort;
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  /** Index among the clusters shown. */
  readonly selected: number;
  /** Name of the cluster that is looked at alone; '' = all. */
  readonly detail: string;
  /** Why there is nothing new; ''. */
  readonly problem: string;
}

/** Without a height: clusters and failures that are told. */
const PLAIN_CLUSTERS = 30;
const PLAIN_FAILURES = 10;
const MAX_LISTENERS = 6;

const CLUSTER_COLUMNS: readonly Column[] = [
  { title: 'CLUSTER', right: false, flexible: true },
  ...['REQ/S', 'ERRORS', 'P50', 'P99', 'RETRY/S', 'TIMEOUT/S', 'OVERFLOW/S', 'ACTIVE', 'HOSTS'].map((title) => ({ title, right: true })),
];
const LISTENER_COLUMNS: readonly Column[] = [
  { title: 'LISTENER', right: false, flexible: true },
  { title: 'ADDRESS', right: false },
  { title: 'DIRECTION', right: false },
  ...['REQ/S', 'ERRORS', 'P50', 'P99', 'CONNS', 'CONN/S', 'RX/S', 'TX/S'].map((title) => ({ title, right: true })),
];
const HOST_COLUMNS: readonly Column[] = [
  { title: 'HOST', right: false, flexible: true },
  { title: 'HEALTH', right: false },
  ...['REQ/S', 'ERRORS', 'P50', 'P99', 'ACTIVE', 'CONNS', 'WEIGHT', 'PRIO', 'SUCCESS'].map((title) => ({ title, right: true })),
  { title: 'LOCALITY', right: false },
];

/** Clusters by the view's filter and order. */
export function shownClusters(state: TopState, { sort, filter }: Pick<View, 'sort' | 'filter'>): readonly ClusterPart[] {
  const wanted = filter.toLowerCase();
  const parts = [...state.clusters.values()].filter(({ name }) => wanted === '' || name.toLowerCase().includes(wanted));
  const byName = (a: ClusterPart, b: ClusterPart) => (a.name < b.name ? -1 : 1);
  if (sort === 'name') return parts.sort(byName);
  const rank = (figures: ClusterFigures): number =>
    sort === 'req/s' ? figures.rps : sort === 'errors' ? figures.errors * figures.rps : (figures.p99 ?? -1);
  const ranks = new Map(parts.map(({ id }) => [id, rank(state.cluster(id))]));
  return parts.sort((a, b) => ranks.get(b.id)! - ranks.get(a.id)! || byName(a, b));
}

/** The lines of the whole screen. */
export function screen(state: TopState, view: View): string[] {
  const lines = [...head(state, view)];
  if (state.tick === null) lines.push('', view.problem === '' ? 'waiting for the proxy …' : view.problem);
  else if (view.detail === '') lines.push(...overview(state, view, view.height === 0 ? 0 : view.height - lines.length - 1));
  else lines.push(...detail(state, view, view.height === 0 ? 0 : view.height - lines.length - 1));
  if (view.height === 0) return lines;
  lines.length = Math.min(lines.length, view.height - 1);
  while (lines.length < view.height - 1) lines.push('');
  lines.push(foot(view));
  return lines;
}

function head(state: TopState, { admin, width, colors, problem }: View): string[] {
  if (state.tick === null) return [styled(inWidth(`outrider at ${admin}`, width).trimEnd(), 'bold', colors)];
  const { server, totals } = state.tick;
  const states = [
    server.state,
    ...(server.draining ? ['draining listeners'] : []),
    ...(server.healthCheckFailed ? ['health checks failed'] : []),
  ];
  const name = server.nodeId === '' ? '' : `  node ${printable(server.nodeId)}`;
  const first = `outrider ${server.version} at ${admin}  ${states.join(', ')}  up ${span(server.uptimeS)}${name}  ${server.concurrency} worker${server.concurrency === 1 ? '' : 's'}  ${bytes(server.memoryBytes)} memory`;
  const second = `requests ${perSecond(totals.rps)}/s  errors ${share(totals.errors)}  4xx ${share(totals.clientErrors)}  p50 ${millis(totals.p50)}  p90 ${millis(totals.p90)}  p99 ${millis(totals.p99)}  in flight ${totals.active}`;
  const third = `connections ${totals.connections} (${perSecond(totals.connectionsPerS)}/s new)  in ${bytes(totals.rxBytesPerS)}/s  out ${bytes(totals.txBytesPerS)}/s  retries ${perSecond(totals.retriesPerS)}/s  timeouts ${perSecond(totals.timeoutsPerS)}/s  overflows ${perSecond(totals.overflowsPerS)}/s`;
  const lines = [styled(inWidth(first, width).trimEnd(), server.state === 'LIVE' ? 'bold' : 'warn', colors)];
  lines.push(styled(inWidth(second, width).trimEnd(), totals.errors > 0 ? 'warn' : 'plain', colors), inWidth(third, width).trimEnd());
  if (problem !== '') lines.push(styled(inWidth(problem, width).trimEnd(), 'bad', colors));
  return lines;
}

function foot({ typing, filter, width, colors, sort, detail }: View): string {
  const text = typing
    ? `filter: ${filter}_   Enter: keep   Esc: none`
    : detail !== ''
      ? 'Esc back   q quit'
      : `q quit   s sort (${sort})   / filter${filter === '' ? '' : ` (${filter})`}   arrows move   Enter cluster`;
  return styled(inWidth(text, width), 'selected', colors);
}

/** @param room lines; 0 = no bound */
function overview(state: TopState, view: View, room: number): string[] {
  const { width, colors } = view;
  const listeners = listenerRows(state);
  const clusters = shownClusters(state, view);
  const failures = failureLines(state.requests, view);
  const told = room === 0 ? listeners.length : Math.min(listeners.length, MAX_LISTENERS);
  const lines = ['', ...table(LISTENER_COLUMNS, listeners.slice(0, told), width, colors)];
  if (told < listeners.length) lines.push(styled(`… ${listeners.length - told} more`, 'dim', colors));
  const failureRoom = room === 0 ? PLAIN_FAILURES : Math.min(failures.length, Math.max(3, Math.floor(room / 4)));
  const clusterRoom = room === 0 ? PLAIN_CLUSTERS : Math.max(3, room - lines.length - failureRoom - 5);
  const from = Math.max(0, Math.min(view.selected - Math.floor(clusterRoom / 2), clusters.length - clusterRoom));
  const rows = clusters.slice(from, from + clusterRoom).map((part, i) => clusterRow(state, part, room > 0 && from + i === view.selected));
  lines.push('', ...table(CLUSTER_COLUMNS, rows, width, colors));
  if (rows.length < clusters.length)
    lines.push(styled(inWidth(`${from + 1}-${from + rows.length} of ${clusters.length}`, width).trimEnd(), 'dim', colors));
  if (clusters.length === 0) lines.push(inWidth(view.filter === '' ? 'no clusters' : 'no cluster has this in its name', width).trimEnd());
  lines.push('', styled(inWidth('LAST FAILED AND SLOW REQUESTS', width).trimEnd(), 'dim', colors), ...failures.slice(0, failureRoom));
  if (failures.length === 0) lines.push('none so far');
  return lines;
}

function listenerRows(state: TopState): Row[] {
  return [...state.listeners.values()].map(({ id, name, addresses, direction, tls }) => {
    const f = state.listenerFigures.get(id);
    const cells = [
      printable(name),
      (addresses[0] ?? '') + (tls ? ' tls' : ''),
      direction === 'unspecified' ? '' : direction,
      ...[perSecond(f?.rps ?? 0), share(f?.errors ?? 0), millis(f?.p50 ?? null), millis(f?.p99 ?? null)],
      ...[String(f?.connections ?? 0), perSecond(f?.connectionsPerS ?? 0), bytes(f?.rxBytesPerS ?? 0), bytes(f?.txBytesPerS ?? 0)],
    ];
    return { cells, style: (f?.errors ?? 0) > 0 ? 'warn' : 'plain' };
  });
}

function clusterRow(state: TopState, part: ClusterPart, selected: boolean): Row {
  const f = state.cluster(part.id);
  const active = f.breakers[0].requests + f.breakers[1].requests;
  const cells = [
    printable(part.name),
    ...[perSecond(f.rps), share(f.errors), millis(f.p50), millis(f.p99), perSecond(f.retriesPerS), perSecond(f.timeoutsPerS)],
    ...[perSecond(f.overflowsPerS), String(active), hostsText(f)],
  ];
  return { cells, style: selected ? 'selected' : clusterStyle(f) };
}

function hostsText({ hosts }: ClusterFigures): string {
  const ejected = hosts.ejected > 0 ? ` (${hosts.ejected} ejected)` : '';
  return `${hosts.healthy}/${hosts.total}${ejected}`;
}

function clusterStyle({ errors, hosts, overflowsPerS, rps }: ClusterFigures): Style {
  if (errors >= 0.1 || (hosts.total > 0 && hosts.healthy + hosts.degraded === 0)) return 'bad';
  if (errors > 0 || hosts.unhealthy > 0 || overflowsPerS > 0) return 'warn';
  return rps === 0 ? 'dim' : 'plain';
}

function detail(state: TopState, view: View, room: number): string[] {
  const { width, colors } = view;
  const part = [...state.clusters.values()].find(({ name }) => name === view.detail);
  if (part === undefined) return ['', `There is no cluster ${printable(view.detail)} any more.`];
  const f = state.cluster(part.id);
  const traits = [part.type, part.lbPolicy, ...(part.tls ? ['TLS'] : []), part.http2 ? 'HTTP/2' : 'HTTP/1'];
  if (part.healthChecked) traits.push('health checks');
  if (part.outlierDetection) traits.push('outlier detection');
  const lines = [
    '',
    styled(inWidth(`cluster ${printable(part.name)}  ${traits.join(', ')}`, width).trimEnd(), 'bold', colors),
    `requests ${perSecond(f.rps)}/s  errors ${share(f.errors)}  p50 ${millis(f.p50)}  p90 ${millis(f.p90)}  p99 ${millis(f.p99)}  retries ${perSecond(f.retriesPerS)}/s  timeouts ${perSecond(f.timeoutsPerS)}/s  overflows ${perSecond(f.overflowsPerS)}/s`,
    `connections ${perSecond(f.connectionsPerS)}/s new, ${perSecond(f.connectFailuresPerS)}/s failed  in ${bytes(f.rxBytesPerS)}/s  out ${bytes(f.txBytesPerS)}/s  copies ${perSecond(f.shadowsPerS)}/s`,
    breakerLine('default', f.breakers[0], part.limits[0]),
    breakerLine('high', f.breakers[1], part.limits[1]),
  ].map((line) => (line.length > width && !line.includes('\x1b') ? inWidth(line, width) : line));
  const own = state.requests.filter(({ cluster }) => cluster === part.name);
  const failures = failureLines(own, view);
  const failureRoom = room === 0 ? PLAIN_FAILURES : Math.min(failures.length, Math.max(3, Math.floor(room / 3)));
  const hostRoom = room === 0 ? part.hosts.length : Math.max(3, room - lines.length - failureRoom - 5);
  const rows = hostRows(state, part);
  lines.push('', ...table(HOST_COLUMNS, rows.slice(0, hostRoom), width, colors));
  if (rows.length > hostRoom || part.hostCount > rows.length)
    lines.push(styled(`${Math.min(hostRoom, rows.length)} of ${part.hostCount}`, 'dim', colors));
  if (part.hostCount === 0) lines.push('no hosts');
  lines.push('', styled(inWidth('LAST FAILED AND SLOW REQUESTS', width).trimEnd(), 'dim', colors), ...failures.slice(0, failureRoom));
  if (failures.length === 0) lines.push('none so far');
  return lines;
}

function breakerLine(priority: string, use: BreakerUse, limits: BreakerLimitsPart): string {
  const of = (name: 'connections' | 'pending' | 'requests') => `${name} ${ofLimit(use[name], limits[name])}`;
  return `breakers ${priority}: ${of('connections')}  ${of('pending')}  ${of('requests')}  retries ${ofLimit(use.retries, use.retriesLimit ?? limits.retries)}`;
}

/** Hosts with something to say first. */
function hostRows(state: TopState, part: ClusterPart): Row[] {
  const rows = part.hosts.map((host) => {
    const f = state.hostFigures.get(host.id);
    const health = f?.health ?? host.health;
    const { ejection } = health;
    const leftS = ejection === null ? 0 : (ejection.untilWallMs - state.tick!.wallMs) / 1000;
    const why = ejection === null ? health.flags.join(' ') : `ejected: ${ejection.reason}, ${span(leftS)} left`;
    const cells = [
      host.address + (host.hostname === '' ? '' : ` ${printable(host.hostname)}`),
      health.state === 'healthy' ? 'healthy' : `${health.state} (${why})`,
      ...[f === undefined ? '-' : perSecond(f.rps), share(f?.errors ?? 0), millis(f?.p50 ?? null), millis(f?.p99 ?? null)],
      ...[
        f === undefined ? '-' : String(f.active),
        f === undefined ? '-' : String(f.connections),
        String(host.weight),
        String(host.priority),
      ],
      ...[health.successRate === null ? '-' : `${health.successRate}%`, printable(host.locality)],
    ];
    const style: Style = health.state === 'unhealthy' ? 'bad' : health.state === 'degraded' || (f?.errors ?? 0) > 0 ? 'warn' : 'plain';
    return { row: { cells, style }, rank: (health.state === 'healthy' ? 0 : 1e9) + (f?.errors ?? 0) * 1e6 + (f?.rps ?? 0) };
  });
  return rows.sort((a, b) => b.rank - a.rank).map(({ row }) => row);
}

function failureLines(requests: readonly LoggedRequest[], { width, colors }: View): string[] {
  return requests.map((request) => {
    const { wallMs, code, flags, method, protocol, authority, path, explanation, why, durationMs } = request;
    const result = why === 'slow' ? millis(durationMs) : `${code === 0 ? '-' : code}${flags.length === 0 ? '' : ` ${flags.join(',')}`}`;
    const what = `${clockTime(wallMs)}  ${result.padEnd(10)}  ${method || protocol} ${printable(authority + path)}`;
    const words = explanation.map(({ text }) => text).join(' ');
    return styled(
      inWidth(`${what}  ${printable(words)}`, width).trimEnd(),
      why === 'slow' ? 'plain' : code >= 500 || code === 0 ? 'bad' : 'warn',
      colors,
    );
  });
}
