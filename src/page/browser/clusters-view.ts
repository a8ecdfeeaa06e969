/** All clusters in a table. */
import type { ClusterFigures, ClusterPart, HostSummary } from '../snapshot.ts';
import { el, setAttribute, setText } from './dom.ts';
import { count, milliseconds, percent, perSecond, plural } from './format.ts';
import { breakerGauges, clusterHref, clusterTone, hostSummary, hostSummaryText } from './problems.ts';
import type { Store } from './store.ts';
import { drawLink, drawStatus, Table } from './table.ts';
import { choice, searchField, type View } from './view.ts';

interface ClusterRow {
  readonly cluster: ClusterPart;
  readonly figures: ClusterFigures | undefined;
  readonly hosts: HostSummary;
  readonly tone: 'error' | 'warning' | 'ok' | 'idle';
}

type Wanted = 'all' | 'busy' | 'ill';
const TONE_ORDER = { error: 3, warning: 2, ok: 1, idle: 0 } as const;
const TONE_WORD = { error: 'Failing', warning: 'Warning', ok: 'OK', idle: 'Idle' } as const;

export class ClustersView implements View {
  readonly title = 'Clusters';
  readonly element: HTMLElement;
  readonly #note = el('p', { class: 'note' });
  readonly #table: Table<ClusterRow>;
  #store: Store | null = null;
  #filter = '';
  #wanted: Wanted = 'all';

  constructor() {
    this.#table = new Table<ClusterRow>({
      label: 'Clusters',
      key: (row) => row.cluster.id,
      empty: 'No clusters are configured.',
      sort: { column: 2, descending: true },
      tone: (row) => (row.tone === 'error' ? 'error' : ''),
      columns: [
        {
          title: 'Cluster',
          className: 'name',
          draw: (cell, row) => drawLink(cell, clusterHref(row.cluster.name), row.cluster.name),
          sortBy: (row) => row.cluster.name,
        },
        { title: 'State', draw: (cell, row) => drawStatus(cell, row.tone, TONE_WORD[row.tone]), sortBy: (row) => -TONE_ORDER[row.tone] },
        {
          title: 'Requests',
          hint: 'Sent upstream a second, retries included',
          numeric: true,
          text: (row) => perSecond(row.figures?.rps ?? 0),
          sortBy: (row) => row.figures?.rps ?? 0,
        },
        {
          title: 'Errors',
          hint: 'Share of answers to clients with a status of 500 or more',
          numeric: true,
          text: (row) => percent(row.figures === undefined || row.figures.rps === 0 ? null : row.figures.errors),
          sortBy: (row) => row.figures?.errors ?? 0,
        },
        { title: 'p50', numeric: true, text: (row) => milliseconds(row.figures?.p50 ?? null), sortBy: (row) => row.figures?.p50 ?? -1 },
        { title: 'p99', numeric: true, text: (row) => milliseconds(row.figures?.p99 ?? null), sortBy: (row) => row.figures?.p99 ?? -1 },
        {
          title: 'Hosts',
          className: 'wide',
          text: (row) => hostSummaryText(row.hosts),
          sortBy: (row) => row.hosts.total,
        },
        {
          title: 'Retries',
          numeric: true,
          text: (row) => perSecond(row.figures?.retriesPerS ?? 0),
          sortBy: (row) => row.figures?.retriesPerS ?? 0,
        },
        {
          title: 'Timeouts',
          numeric: true,
          text: (row) => perSecond(row.figures?.timeoutsPerS ?? 0),
          sortBy: (row) => row.figures?.timeoutsPerS ?? 0,
        },
        {
          title: 'Refused',
          hint: 'By circuit breakers',
          numeric: true,
          text: (row) => perSecond(row.figures?.overflowsPerS ?? 0),
          sortBy: (row) => row.figures?.overflowsPerS ?? 0,
        },
        {
          title: 'Fullest breaker',
          hint: 'The circuit breaker nearest to its limit',
          numeric: true,
          draw: (cell, row) => {
            const { share, text } = fullest(row);
            setText(cell, percent(share));
            setAttribute(cell, 'title', text);
          },
          sortBy: (row) => fullest(row).share,
        },
      ],
    });
    const search = searchField('Find cluster', (text) => {
      this.#filter = text;
      this.#draw();
    });
    const wanted = choice<Wanted>(
      'Show',
      [
        ['all', 'all'],
        ['busy', 'with traffic'],
        ['ill', 'failing or with unhealthy hosts'],
      ],
      (value) => {
        this.#wanted = value;
        this.#draw();
      },
    );
    this.element = el(
      'div',
      { class: 'view fill' },
      el('div', { class: 'bar' }, search.element, wanted.element, this.#note),
      this.#table.element,
    );
  }

  update(store: Store): void {
    this.#store = store;
    this.#draw();
  }

  #draw(): void {
    const store = this.#store;
    if (store === null) return;
    const rows: ClusterRow[] = [];
    for (const cluster of store.clusters.values()) {
      if (this.#filter !== '' && !cluster.name.toLowerCase().includes(this.#filter)) continue;
      const figures = store.clusterFigures.get(cluster.id);
      if (this.#wanted === 'busy' && (figures === undefined || (figures.rps === 0 && figures.rxBytesPerS + figures.txBytesPerS === 0)))
        continue;
      const hosts = hostSummary(store, cluster);
      const tone = clusterTone(figures, hosts) ?? (figures === undefined || figures.rps === 0 ? 'idle' : 'ok');
      if (this.#wanted === 'ill' && tone !== 'error' && tone !== 'warning') continue;
      rows.push({ cluster, figures, hosts, tone });
    }
    setText(
      this.#note,
      rows.length === store.clusters.size ? plural(rows.length, 'cluster') : `${rows.length} of ${plural(store.clusters.size, 'cluster')}`,
    );
    this.#table.show(rows, store.clusters.size === 0 ? 'No clusters are configured.' : 'No cluster is like that.');
  }
}

function fullest(row: ClusterRow): { share: number; text: string } {
  let best = { share: 0, text: 'nothing is taken' };
  row.figures?.breakers.forEach((use, i) => {
    for (const { what, used, limit } of breakerGauges(use, row.cluster.limits[i]!)) {
      if (limit === null || limit === 0 || used / limit <= best.share) continue;
      best = { share: used / limit, text: `${count(used)} of ${count(limit)} ${what}` };
    }
  });
  return best;
}
