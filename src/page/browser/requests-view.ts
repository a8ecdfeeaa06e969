/** The log of failed and slow requests, with a search and a pause. */
import type { LoggedRequest } from '../snapshot.ts';
import { button, el, setAttribute, setText } from './dom.ts';
import { milliseconds, plural } from './format.ts';
import { codeText, RequestList } from './request-list.ts';
import type { Store } from './store.ts';
import { choice, searchField, type View } from './view.ts';

type Wanted = 'all' | 'failed' | 'slow';

export class RequestsView implements View {
  readonly title = 'Failed and slow requests';
  readonly element: HTMLElement;
  readonly #note = el('p', { class: 'note' });
  readonly #list = new RequestList('');
  readonly #pause: HTMLButtonElement;
  #store: Store | null = null;
  /** What was there when it was paused; null = it is not. */
  #held: readonly LoggedRequest[] | null = null;
  #filter = '';
  #wanted: Wanted = 'all';

  constructor() {
    const search = searchField('Find by path, cluster, host, flag, code or id', (text) => {
      this.#filter = text;
      this.#draw();
    });
    const wanted = choice<Wanted>(
      'Show',
      [
        ['all', 'failed and slow'],
        ['failed', 'failed'],
        ['slow', 'slow'],
      ],
      (value) => {
        this.#wanted = value;
        this.#draw();
      },
    );
    this.#pause = button('Pause', () => this.#togglePause(), { 'aria-pressed': 'false' });
    this.element = el(
      'div',
      { class: 'view' },
      el('div', { class: 'bar' }, search.element, wanted.element, this.#pause, this.#note),
      this.#list.element,
    );
  }

  update(store: Store): void {
    this.#store = store;
    this.#draw();
  }

  #togglePause(): void {
    this.#held = this.#held === null ? (this.#store?.requests ?? []) : null;
    setAttribute(this.#pause, 'aria-pressed', String(this.#held !== null));
    setText(this.#pause, this.#held === null ? 'Pause' : 'Go on');
    this.#draw();
  }

  #draw(): void {
    const store = this.#store;
    if (store === null) return;
    const all = this.#held ?? store.requests;
    const found = all.filter(
      (r) => (this.#wanted === 'all' || r.why === this.#wanted) && (this.#filter === '' || textOf(r).includes(this.#filter)),
    );
    const slow = store.server === null ? '' : ` Slow is what takes longer than ${milliseconds(store.server.slowMs)}.`;
    const newer = this.#held === null ? 0 : store.requests.findIndex((r) => r.id === this.#held![0]?.id);
    const waiting = this.#held === null ? '' : ` Paused; ${newer < 0 ? 'many' : newer} newer.`;
    setText(
      this.#note,
      `${found.length === all.length ? plural(all.length, 'request') : `${found.length} of ${plural(all.length, 'request')}`}, 500 at most.${slow}${waiting}`,
    );
    this.#list.show(
      found,
      all.length === 0 ? 'Nothing has failed, and nothing was slow, since the proxy started.' : 'No request in the log is like that.',
    );
  }
}

const texts = new WeakMap<LoggedRequest, string>();

function textOf(request: LoggedRequest): string {
  let text = texts.get(request);
  if (text === undefined) {
    text = [
      request.method,
      request.authority + request.path,
      request.cluster,
      request.host,
      request.route,
      request.virtualHost,
      request.listener,
      codeText(request),
      request.details,
      request.requestId,
      request.traceId,
      ...request.explanation.map((e) => e.text),
    ]
      .join('\n')
      .toLowerCase();
    texts.set(request, text);
  }
  return text;
}
