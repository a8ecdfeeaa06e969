/** One cluster: its figures over time, its circuit breakers, its hosts, and what has failed there. */
import type { ClusterFigures, ClusterPart, HostFigures, HostHealth, HostPart } from '../snapshot.ts';
import { el, setAttribute, setHidden, setText } from './dom.ts';
import { bytes, count, duration, milliseconds, percent, perSecond } from './format.ts';
import { fillHistory, HistoryGroup } from './history.ts';
import { lineChart } from './overview-view.ts';
import { type BreakerGauge, breakerGauges, ERROR_SHARE, hostSummary, hostSummaryText } from './problems.ts';
import { RequestList } from './request-list.ts';
import type { Store } from './store.ts';
import { drawStatus, Table } from './table.ts';
import { Tile, type View } from './view.ts';

const REQUESTS_SHOWN = 20;

interface HostRow {
  readonly host: HostPart;
  readonly figures: HostFigures | null;
  readonly health: HostHealth;
  readonly nowMs: number;
}

interface GaugeRow extends BreakerGauge {
  readonly priority: string;
}

export class ClusterView implements View {
  readonly title: string;
  readonly element: HTMLElement;
  readonly watched: readonly string[];
  readonly #name: string;
  readonly #facts = el('p', { class: 'note' });
  readonly #gone = el('p', { class: 'empty', hidden: true });
  readonly #content: HTMLElement;
  readonly #tiles = {
    rps: new Tile('Requests', 'Sent upstream a second, retries included'),
    errors: new Tile('Errors', 'Share of answers to clients with a status of 500 or more'),
    p50: new Tile('p50', 'Half of the answers took no longer'),
    p90: new Tile('p90', 'Nine in ten answers took no longer'),
    p99: new Tile('p99', '99 in 100 answers took no longer'),
    active: new Tile('In flight', 'Requests that are being handled'),
    retries: new Tile('Retries', 'Requests sent again'),
    timeouts: new Tile('Timeouts', 'Requests and tries that took too long'),
    refused: new Tile('Refused', 'By circuit breakers'),
    shadows: new Tile('Copies', 'Requests mirrored to here'),
    connects: new Tile('Connects', 'New connections a second, and how many failed'),
    bytes: new Tile('Bytes', 'From and to the hosts'),
  };
  readonly #charts;
  readonly #hosts: Table<HostRow>;
  readonly #breakers: Table<GaugeRow>;
  readonly #requests = new RequestList('Nothing has failed or was slow here.');
  #instance = '';

  constructor(name: string) {
    this.#name = name;
    this.title = `Cluster ${name}`;
    this.watched = [name];
    const series = (...keys: string[]) => new HistoryGroup(keys.map((key) => `cluster.${name}.${key}`));
    this.#charts = [
      { group: series('rps', 'active'), chart: lineChart('Requests', ['a second', 'in flight'], count) },
      { group: series('errors'), chart: lineChart('Errors', ['5xx'], percent) },
      { group: series('p50', 'p99'), chart: lineChart('Latency', ['p50', 'p99'], milliseconds) },
      {
        group: series('retriesPerS', 'timeoutsPerS', 'overflowsPerS'),
        chart: lineChart('Retries, timeouts, refused', ['retries', 'timeouts', 'refused'], perSecond),
      },
    ] as const;
    this.#hosts = hostTable();
    this.#breakers = breakerTable();
    this.#content = el(
      'div',
      { class: 'sections' },
      el('dl', { class: 'tiles', 'aria-label': 'Figures of the last second' }, ...Object.values(this.#tiles).map((t) => t.element)),
      section('Hosts', this.#hosts.element),
      section('Circuit breakers', this.#breakers.element),
      section('Last 15 minutes', el('div', { class: 'charts' }, ...this.#charts.map((c) => c.chart.element))),
      section('Failed and slow requests', this.#requests.element),
    );
    this.element = el('div', { class: 'view' }, this.#facts, this.#gone, this.#content);
  }

  update(store: Store): void {
    const cluster = store.clusterNamed(this.#name);
    setHidden(this.#gone, cluster !== null);
    setHidden(this.#content, cluster === null);
    setText(this.#gone, `There is no cluster called “${this.#name}”${store.seq < 0 ? ' yet' : ''}.`);
    if (cluster === null) {
      setText(this.#facts, '');
      return;
    }
    if (store.instance !== this.#instance || this.#charts[0].group.lacks(store.wallMs)) {
      this.#instance = store.instance;
      void fillHistory(this.#charts);
    }
    setText(this.#facts, factsOf(cluster, hostSummaryText(hostSummary(store, cluster))));
    const figures = store.clusterFigures.get(cluster.id);
    this.#showFigures(store.wallMs, figures);
    this.#hosts.show(
      cluster.hosts.map((host) => ({ host, figures: store.hostFigures(host.id), health: store.hostHealth(host), nowMs: store.wallMs })),
    );
    this.#breakers.show(
      (['default', 'high'] as const).flatMap((priority, i) =>
        breakerGauges(figures?.breakers[i] ?? null, cluster.limits[i]!).map((gauge) => ({ ...gauge, priority })),
      ),
    );
    this.#requests.show(store.requests.filter((r) => r.cluster === this.#name).slice(0, REQUESTS_SHOWN));
  }

  recolour(): void {
    for (const { chart } of this.#charts) chart.recolour();
  }

  leave(): void {
    for (const { chart } of this.#charts) chart.destroy();
  }

  #showFigures(wallMs: number, f: ClusterFigures | undefined): void {
    const t = this.#tiles;
    const active = f === undefined ? 0 : f.breakers[0].requests + f.breakers[1].requests;
    const errors = f === undefined || f.rps === 0 ? null : f.errors;
    t.rps.show(perSecond(f?.rps ?? 0));
    t.errors.show(percent(errors), (errors ?? 0) >= ERROR_SHARE ? 'error' : (errors ?? 0) > 0 ? 'warning' : '');
    t.p50.show(milliseconds(f?.p50 ?? null));
    t.p90.show(milliseconds(f?.p90 ?? null));
    t.p99.show(milliseconds(f?.p99 ?? null));
    t.active.show(count(active));
    t.retries.show(perSecond(f?.retriesPerS ?? 0));
    t.timeouts.show(perSecond(f?.timeoutsPerS ?? 0), (f?.timeoutsPerS ?? 0) > 0 ? 'warning' : '');
    t.refused.show(perSecond(f?.overflowsPerS ?? 0), (f?.overflowsPerS ?? 0) > 0 ? 'error' : '');
    t.shadows.show(perSecond(f?.shadowsPerS ?? 0));
    const failed = f?.connectFailuresPerS ?? 0;
    t.connects.show(`${perSecond(f?.connectionsPerS ?? 0)}${failed > 0 ? `, ${perSecond(failed)} fail` : ''}`, failed > 0 ? 'warning' : '');
    t.bytes.show(`${bytes((f?.rxBytesPerS ?? 0) + (f?.txBytesPerS ?? 0))}/s`);
    const [requests, errorShare, latency, trouble] = this.#charts;
    requests.group.add(wallMs, [f?.rps ?? 0, active]);
    errorShare.group.add(wallMs, [errors]);
    latency.group.add(wallMs, [f?.p50 ?? null, f?.p99 ?? null]);
    trouble.group.add(wallMs, [f?.retriesPerS ?? 0, f?.timeoutsPerS ?? 0, f?.overflowsPerS ?? 0]);
    for (const { chart, group } of this.#charts) chart.show(group);
  }
}

function section(title: string, content: HTMLElement): HTMLElement {
  return el('section', { 'aria-label': title }, el('h2', {}, title), content);
}

function factsOf(cluster: ClusterPart, hosts: string): string {
  const facts = [cluster.type, cluster.lbPolicy, cluster.http2 ? 'HTTP/2' : '', cluster.tls ? 'TLS' : '', hosts];
  facts.push(cluster.healthChecked ? 'actively health-checked' : 'no health checks');
  facts.push(cluster.outlierDetection ? 'outlier detection' : 'no outlier detection');
  if (cluster.addedViaApi) facts.push('from the control plane');
  return facts.filter((f) => f !== '').join(' · ');
}

export function healthText(health: HostHealth, nowMs: number): string {
  const { ejection } = health;
  if (ejection === null) return health.state === 'healthy' ? 'Healthy' : health.state === 'degraded' ? 'Degraded' : 'Unhealthy';
  const left = (ejection.untilWallMs - nowMs) / 1000;
  return left > 0 ? `Ejected, back in ${duration(left)}` : 'Ejected, back with the next sweep';
}

function whyText(health: HostHealth): string {
  const parts = health.flags.filter((flag) => flag !== 'failed_outlier_check').map((flag) => flag.replaceAll('_', ' '));
  if (health.ejection !== null)
    parts.unshift(`${health.ejection.reason}${health.ejection.count > 1 ? `, ejected ${health.ejection.count} times` : ''}`);
  return parts.join('; ');
}

function hostTable(): Table<HostRow> {
  const numeric = true;
  return new Table<HostRow>({
    label: 'Hosts',
    key: (row) => row.host.id,
    empty: 'This cluster has no hosts now.',
    tone: (row) => (row.health.state === 'unhealthy' ? 'error' : ''),
    columns: [
      { title: 'Host', className: 'name', text: (r) => r.host.address, sortBy: (r) => r.host.address },
      {
        title: 'Health',
        draw: (cell, r) =>
          drawStatus(
            cell,
            r.health.state === 'healthy' ? 'ok' : r.health.state === 'degraded' ? 'warning' : 'error',
            healthText(r.health, r.nowMs),
          ),
        sortBy: (r) => (r.health.state === 'healthy' ? 2 : r.health.state === 'degraded' ? 1 : 0),
      },
      { title: 'Why', text: (r) => whyText(r.health) },
      { title: 'Requests', numeric, text: (r) => perSecond(r.figures?.rps ?? null), sortBy: (r) => r.figures?.rps ?? -1 },
      {
        title: 'Errors',
        numeric,
        text: (r) => percent(r.figures === null || r.figures.rps === 0 ? null : r.figures.errors),
        sortBy: (r) => r.figures?.errors ?? -1,
      },
      { title: 'p50', numeric, text: (r) => milliseconds(r.figures?.p50 ?? null), sortBy: (r) => r.figures?.p50 ?? -1 },
      { title: 'p99', numeric, text: (r) => milliseconds(r.figures?.p99 ?? null), sortBy: (r) => r.figures?.p99 ?? -1 },
      { title: 'In flight', numeric, text: (r) => count(r.figures?.active ?? null), sortBy: (r) => r.figures?.active ?? -1 },
      {
        title: 'Pending',
        hint: 'Waiting for a connection',
        numeric,
        text: (r) => count(r.figures?.pending ?? null),
        sortBy: (r) => r.figures?.pending ?? -1,
      },
      { title: 'Connections', numeric, text: (r) => count(r.figures?.connections ?? null), sortBy: (r) => r.figures?.connections ?? -1 },
      { title: 'Weight', numeric, text: (r) => count(r.host.weight), sortBy: (r) => r.host.weight },
      { title: 'Priority', numeric, text: (r) => String(r.host.priority), sortBy: (r) => r.host.priority },
      {
        title: 'Success',
        hint: 'Success rate in the last interval of outlier detection',
        numeric,
        text: (r) => percent(r.health.successRate === null ? null : r.health.successRate / 100),
        sortBy: (r) => r.health.successRate ?? -1,
      },
      { title: 'Locality', text: (r) => r.host.locality, sortBy: (r) => r.host.locality },
      { title: 'Name', text: (r) => `${r.host.hostname}${r.host.canary ? ' (canary)' : ''}`.trim(), sortBy: (r) => r.host.hostname },
    ],
  });
}

function breakerTable(): Table<GaugeRow> {
  return new Table<GaugeRow>({
    label: 'Circuit breakers',
    key: (row) => `${row.priority} ${row.name}`,
    empty: '',
    columns: [
      { title: 'Limit', className: 'name', text: (r) => r.name },
      { title: 'Priority', text: (r) => r.priority },
      { title: 'Taken', numeric: true, text: (r) => count(r.used) },
      { title: 'Of', numeric: true, text: (r) => (r.limit === null ? 'no limit' : count(r.limit)) },
      { title: 'Share', numeric: true, text: (r) => (r.limit === null || r.limit === 0 ? '' : percent(r.used / r.limit)) },
      { title: 'Gauge', className: 'gauge', draw: drawGauge },
    ],
  });
}

function drawGauge(cell: HTMLElement, row: GaugeRow): void {
  let meter = cell.firstElementChild as HTMLMeterElement | null;
  if (meter === null) {
    meter = el('meter', { min: 0, max: 1, high: 0.8, optimum: 0, 'aria-label': `${row.what} of ${row.priority} priority` });
    cell.append(meter);
  }
  const share = row.limit === null || row.limit === 0 ? 0 : Math.min(1, row.used / row.limit);
  if (meter.value !== share) meter.value = share;
  setAttribute(meter, 'data-full', share >= 1 ? 'true' : '');
}
