/** The live page: its frame, which view is shown, and what comes from the proxy. */
import { CertificatesView } from './certificates-view.ts';
import { ClusterView } from './cluster-view.ts';
import { ClustersView } from './clusters-view.ts';
import { ConfigView } from './config-view.ts';
import { Connection, type ConnectionState } from './connection.ts';
import { Delay } from './delay.ts';
import { button, el, setAttribute, setHidden, setText } from './dom.ts';
import { timeOfDay } from './format.ts';
import { OverviewView } from './overview-view.ts';
import { findProblems } from './problems.ts';
import { RequestsView } from './requests-view.ts';
import { ServerView } from './server-view.ts';
import { Store } from './store.ts';
import { nextTheme, savedTheme, setTheme, themeLabel } from './theme.ts';
import type { View } from './view.ts';

interface Tab {
  readonly path: string;
  readonly label: string;
  readonly open: () => View;
}

const TABS: readonly Tab[] = [
  { path: '', label: 'Overview', open: () => new OverviewView() },
  { path: 'clusters', label: 'Clusters', open: () => new ClustersView() },
  { path: 'requests', label: 'Requests', open: () => new RequestsView() },
  { path: 'config', label: 'Configuration', open: () => new ConfigView() },
  { path: 'certificates', label: 'Certificates', open: () => new CertificatesView() },
  { path: 'server', label: 'Server', open: () => new ServerView() },
];

const STATES: Readonly<Record<ConnectionState, readonly [string, string]>> = {
  connecting: ['idle', 'Connecting…'],
  live: ['ok', 'Live'],
  late: ['warning', 'Nothing new'],
  lost: ['error', 'Reconnecting…'],
  full: ['warning', 'Too many viewers, waiting'],
};

const UNSEEN_MS = 30_000;

class App {
  readonly #store = new Store();
  readonly #connection: Connection;
  readonly #main = el('main', { id: 'main', tabindex: -1 });
  readonly #heading = el('h1');
  readonly #node = el('span', { class: 'node-name' });
  readonly #server = el('span', { class: 'status idle' }, 'Unknown');
  readonly #link = el('span', { class: 'status idle', role: 'status' });
  readonly #stale = el('p', { class: 'stale', hidden: true });
  readonly #tabs = new Map<string, HTMLAnchorElement>();
  readonly #theme: HTMLButtonElement;
  #view: View | null = null;
  #asked = false;
  readonly #unseen = new Delay();

  constructor() {
    this.#connection = new Connection(this.#store, {
      onSnapshot: () => this.#came(),
      onTick: () => this.#came(),
      onState: (state) => this.#showState(state),
    });
    this.#theme = button('', () => this.#changeTheme(), { class: 'theme' });
    const list = el('ul');
    for (const tab of TABS) {
      const link = el('a', { href: `#/${tab.path}` }, tab.label);
      this.#tabs.set(tab.path, link);
      list.append(el('li', {}, link));
    }
    const skip = el('a', { href: '#main', class: 'skip' }, 'Skip to the content');
    skip.addEventListener('click', (event) => {
      event.preventDefault();
      this.#main.focus();
    });
    document.body.replaceChildren(
      skip,
      el(
        'header',
        {},
        el('strong', { class: 'product' }, 'Outrider'),
        this.#node,
        this.#server,
        el('span', { class: 'gap' }),
        this.#link,
        this.#theme,
      ),
      el('nav', { 'aria-label': 'Views' }, list),
      this.#main,
    );
    setTheme(savedTheme());
    this.#showTheme();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#view?.recolour?.());
    addEventListener('hashchange', () => this.#go(true));
    document.addEventListener('visibilitychange', () => this.#onVisibility());
    this.#showState('connecting');
    this.#go(false);
  }

  /** A page that nobody sees need not be fed. */
  #onVisibility(): void {
    this.#unseen.stop();
    if (document.hidden) this.#unseen.start(UNSEEN_MS, () => this.#connection.close());
    else if (this.#connection.closed) this.#connection.open();
    else this.#drawSoon();
  }

  #go(moved: boolean): void {
    const [path = '', ...rest] = location.hash.replace(/^#\/?/, '').split('/');
    const tab = TABS.find((t) => t.path === path) ?? TABS[0]!;
    this.#view?.leave?.();
    const name = path === 'clusters' && rest.length > 0 ? decoded(rest.join('/')) : '';
    const view = name === '' ? tab.open() : new ClusterView(name);
    this.#view = view;
    for (const [key, link] of this.#tabs) setAttribute(link, 'aria-current', key === tab.path ? (name === '' ? 'page' : 'true') : '');
    document.title = `${view.title} – Outrider`;
    setText(this.#heading, view.title);
    this.#main.replaceChildren(this.#heading, this.#stale, view.element);
    this.#connection.watch(view.watched ?? []);
    if (this.#store.seq >= 0) view.update(this.#store);
    if (!moved) return;
    scrollTo(0, 0);
    this.#main.focus();
  }

  #came(): void {
    this.#drawSoon();
  }

  /** At most once a frame, and not at all while nobody looks. */
  #drawSoon(): void {
    if (this.#asked || document.hidden) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  #draw(): void {
    const store = this.#store;
    const { server } = store;
    if (server !== null) {
      setText(this.#node, [server.nodeId, server.nodeCluster].filter((part) => part !== '').join(' · '));
      setText(this.#server, server.state);
      setAttribute(this.#server, 'class', `status ${server.state === 'LIVE' ? 'ok' : 'warning'}`);
    }
    const errors = findProblems(store).filter((p) => p.tone === 'error').length;
    setText(this.#tabs.get('')!, errors === 0 ? 'Overview' : `Overview (${errors} failing)`);
    this.#view?.update(store);
  }

  #showState(state: ConnectionState): void {
    const [tone, text] = STATES[state];
    setText(this.#link, text);
    setAttribute(this.#link, 'class', `status ${tone}`);
    const stale = state !== 'live' && this.#store.seq >= 0;
    setHidden(this.#stale, !stale);
    setText(this.#stale, stale ? `What you see is of ${timeOfDay(this.#store.wallMs)}: nothing has come from the proxy since then.` : '');
  }

  #changeTheme(): void {
    setTheme(nextTheme(savedTheme()));
    this.#showTheme();
    this.#view?.recolour?.();
  }

  #showTheme(): void {
    setText(this.#theme, themeLabel(savedTheme()));
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

new App();
