/** Failed and slow requests, newest first: what happened in a sentence, all the rest on demand. */
import type { LoggedRequest, RequestPhases } from '../snapshot.ts';
import { el, KeyedChildren, setHidden, setText } from './dom.ts';
import { milliseconds, timeOfDay } from './format.ts';
import { clusterHref } from './problems.ts';

const SHOWN_AT_FIRST = 100;

export class RequestList {
  readonly element: HTMLElement;
  readonly #list = el('ol', { class: 'requests' });
  readonly #items: KeyedChildren<LoggedRequest, HTMLElement>;
  readonly #empty: HTMLElement;
  readonly #more: HTMLButtonElement;
  #limit = SHOWN_AT_FIRST;
  #requests: readonly LoggedRequest[] = [];

  constructor(empty: string) {
    this.#empty = el('p', { class: 'empty' }, empty);
    this.#items = new KeyedChildren(this.#list, makeRequest, () => undefined);
    this.#more = el('button', { type: 'button', hidden: true });
    this.#more.addEventListener('click', () => {
      this.#limit += SHOWN_AT_FIRST;
      this.show(this.#requests);
    });
    this.element = el('div', {}, this.#list, this.#empty, this.#more);
  }

  show(requests: readonly LoggedRequest[], empty?: string): void {
    this.#requests = requests;
    this.#items.show(requests.slice(0, this.#limit), (r) => r.id);
    setHidden(this.#list, requests.length === 0);
    setHidden(this.#empty, requests.length > 0);
    if (empty !== undefined) setText(this.#empty, empty);
    const rest = requests.length - this.#limit;
    setHidden(this.#more, rest <= 0);
    setText(this.#more, `Show ${Math.min(rest, SHOWN_AT_FIRST)} more of ${rest}`);
  }
}

/** A request does not change once it is in the log. */
function makeRequest(request: LoggedRequest): HTMLElement {
  const failed = request.why === 'failed';
  const summary = el(
    'summary',
    {},
    el('time', { datetime: new Date(request.wallMs).toISOString() }, timeOfDay(request.wallMs)),
    el('span', { class: `status ${failed ? 'error' : 'warning'}` }, failed ? 'Failed' : 'Slow'),
    el('span', { class: 'request-code' }, codeText(request)),
    el(
      'span',
      { class: 'request-line', title: `${request.method} ${request.authority}${request.path}`.trimStart() },
      el('b', {}, request.method),
      ` ${request.authority}${request.path}`,
    ),
    el('span', { class: 'request-cluster' }, request.cluster === '' ? 'no cluster' : request.cluster),
    el('span', { class: 'request-duration number' }, milliseconds(request.durationMs)),
    explanations(request),
  );
  const details = el('details', {}, summary);
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(makeDetails(request));
  });
  return el('li', {}, details);
}

export function codeText(request: LoggedRequest): string {
  if (request.protocol === 'TCP') return request.flags.length === 0 ? 'TCP' : `TCP ${request.flags.join(',')}`;
  const code = request.code === 0 ? 'no answer' : String(request.code);
  const grpc = request.grpcStatus === null ? '' : ` gRPC ${request.grpcStatus}`;
  return `${code}${grpc}${request.flags.length === 0 ? '' : ` ${request.flags.join(',')}`}`;
}

function explanations(request: LoggedRequest): HTMLElement {
  const lines = request.explanation.map(({ flag, text }) =>
    el('span', { class: 'explanation' }, flag === '' ? null : el('b', {}, `${flag} `), text),
  );
  return el('span', { class: 'explanations' }, ...lines);
}

function makeDetails(request: LoggedRequest): HTMLElement {
  const route = [request.routeConfiguration, request.virtualHost, request.route].filter((part) => part !== '').join(' › ');
  const facts: readonly (readonly [string, string | HTMLElement])[] = [
    ['Protocol', request.protocol],
    ['Listener', request.listener],
    ['Route', route],
    ['Cluster', request.cluster === '' ? '' : el('a', { href: clusterHref(request.cluster) }, request.cluster)],
    ['Host', request.host],
    ['Attempts', String(request.attempts)],
    ['Details', request.details],
    ['x-request-id', request.requestId],
    ['Trace', request.traceId],
  ];
  const list = el('dl', { class: 'facts' });
  for (const [name, value] of facts) if (value !== '') list.append(el('div', {}, el('dt', {}, name), el('dd', {}, value)));
  return el('div', { class: 'request-details' }, list, phaseTable(request.phases, request.durationMs));
}

function phaseTable(phases: RequestPhases, totalMs: number): HTMLElement {
  const rows: readonly (readonly [string, number | null])[] = [
    ['Until the whole request was here', phases.requestMs],
    ['Waiting for a connection', phases.connectMs],
    ['Until the first byte of the answer', phases.firstByteMs],
    ['Until its last byte', phases.responseMs],
    ['In all', totalMs],
  ];
  const body = el('tbody');
  for (const [name, ms] of rows) {
    const bar = el('span', { class: 'phase-bar' });
    bar.style.width = `${ms === null || totalMs === 0 ? 0 : Math.min(100, (ms / totalMs) * 100)}%`;
    body.append(
      el(
        'tr',
        {},
        el('th', { scope: 'row' }, name),
        el('td', { class: 'number' }, milliseconds(ms)),
        el('td', { class: 'phase', 'aria-hidden': 'true' }, bar),
      ),
    );
  }
  return el('table', { class: 'phases' }, el('caption', {}, 'Where the time went'), body);
}
