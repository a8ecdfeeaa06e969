/** The stream of events behind the page. Comes back by itself when the proxy restarts, and says how things stand meanwhile. */
import type { PageSnapshot, PageTick } from '../snapshot.ts';
import { Delay } from './delay.ts';
import type { Store } from './store.ts';

/** "late" = connected, but nothing has come for a while; "full" = the proxy has as many viewers as it serves. */
export type ConnectionState = 'connecting' | 'live' | 'late' | 'lost' | 'full';

const LATE_MS = 4000;
const REOPEN_MS = 12_000;
const RETRY_MS: readonly number[] = [500, 1000, 2000, 4000];
const FULL_RETRY_MS = 10_000;

export interface ConnectionListener {
  /** A snapshot has taken the place of everything known. */
  onSnapshot(): void;
  onTick(): void;
  onState(state: ConnectionState): void;
}

export class Connection {
  readonly #store: Store;
  readonly #listener: ConnectionListener;
  #source: EventSource | null = null;
  #watched: readonly string[] = [];
  #state: ConnectionState = 'connecting';
  #failures = 0;
  #closed = true;
  readonly #retry = new Delay();
  readonly #late = new Delay();

  constructor(store: Store, listener: ConnectionListener) {
    this.#store = store;
    this.#listener = listener;
  }

  /** Clusters whose hosts' figures are wanted every second. */
  watch(clusters: readonly string[]): void {
    if (clusters.join('\n') === this.#watched.join('\n') && this.#source !== null) return;
    this.#watched = clusters;
    this.open();
  }

  open(): void {
    this.close();
    this.#closed = false;
    const query = this.#watched.map((name) => `cluster=${encodeURIComponent(name)}`).join('&');
    const source = new EventSource(`api/v1/page/events${query === '' ? '' : `?${query}`}`);
    this.#source = source;
    source.addEventListener('snapshot', (event) => {
      this.#store.applySnapshot(JSON.parse((event as MessageEvent<string>).data) as PageSnapshot);
      this.#came();
      this.#listener.onSnapshot();
    });
    source.addEventListener('tick', (event) => {
      this.#store.applyTick(JSON.parse((event as MessageEvent<string>).data) as PageTick);
      this.#came();
      this.#listener.onTick();
    });
    source.addEventListener('full', () => this.#again('full', FULL_RETRY_MS));
    // The browser's own way of coming back gives up when it is answered with an error, as while the proxy starts.
    source.addEventListener('error', () => {
      this.#again('lost', RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)]!);
      this.#failures++;
    });
    this.#expect();
  }

  /** Neither connected nor about to be. */
  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#retry.stop();
    this.#late.stop();
    this.#source?.close();
    this.#source = null;
  }

  #again(state: ConnectionState, afterMs: number): void {
    this.close();
    this.#closed = false;
    this.#setState(state);
    this.#retry.start(afterMs, () => this.open());
  }

  #came(): void {
    this.#failures = 0;
    this.#setState('live');
    this.#expect();
  }

  #expect(): void {
    this.#late.start(LATE_MS, () => {
      this.#setState('late');
      // A connection may be dead without an end having come.
      this.#late.start(REOPEN_MS, () => this.open());
    });
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#listener.onState(state);
  }
}
