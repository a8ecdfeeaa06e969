/** The process: what it is, what can be told to it, how much it logs. */
import type { ServerPart } from '../snapshot.ts';
import { confirmed, type Question } from './dialog.ts';
import { button, el, KeyedChildren, setAttribute, setText } from './dom.ts';
import { bytes, count, duration, milliseconds } from './format.ts';
import type { Store } from './store.ts';
import type { View } from './view.ts';

const LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const;

interface Action extends Question {
  readonly path: string;
  readonly hint: string;
}

const ACTIONS: readonly Action[] = [
  {
    title: 'Fail health checks?',
    text: 'Health checks of this proxy are answered with failure from now on, so that others stop sending requests here. What is in flight goes on.',
    act: 'Fail health checks',
    path: 'healthcheck/fail',
    hint: 'Others stop sending requests here.',
  },
  {
    title: 'Pass health checks?',
    text: 'Health checks of this proxy are answered by what they find again.',
    act: 'Pass health checks',
    path: 'healthcheck/ok',
    hint: 'Takes “Fail health checks” back.',
  },
  {
    title: 'Drain all listeners?',
    text: 'Connections are asked to close over the drain time, then the listeners close. This cannot be taken back: the proxy has to be started again to take new connections.',
    act: 'Drain listeners',
    path: 'drain_listeners?graceful',
    hint: 'Gently, over the drain time; then they close.',
  },
  {
    title: 'Drain inbound listeners?',
    text: 'Connections to listeners of inbound traffic are asked to close over the drain time, then these listeners close. Outbound traffic goes on. This cannot be taken back.',
    act: 'Drain inbound listeners',
    path: 'drain_listeners?graceful&inboundonly',
    hint: 'Only those whose traffic_direction is INBOUND.',
  },
];

export class ServerView implements View {
  readonly title = 'Server';
  readonly element: HTMLElement;
  readonly #facts = el('dl', { class: 'facts card' });
  readonly #factItems: KeyedChildren<readonly [string, string], HTMLElement>;
  readonly #said = el('p', { class: 'note', role: 'status' });
  readonly #levels = el('tbody');
  readonly #levelRows: KeyedChildren<readonly [string, string], HTMLTableRowElement>;
  readonly #all: HTMLSelectElement;
  readonly #commands = el('ul', { class: 'commands' });
  #components: readonly string[] = [];

  constructor() {
    this.#factItems = new KeyedChildren<readonly [string, string], HTMLElement>(
      this.#facts,
      ([name]) => el('div', {}, el('dt', {}, name), el('dd')),
      (element, [, value]) => setText(element.lastElementChild!, value),
    );
    this.#levelRows = new KeyedChildren<readonly [string, string], HTMLTableRowElement>(
      this.#levels,
      ([name]) => this.#makeLevel(name),
      (row, [, level]) => drawLevel(row, level),
    );
    this.#all = levelSelect('Level of all components');
    const setAll = button('Set all', () => void this.#setLevels('level', this.#all.value, `all components to ${this.#all.value}`));
    this.element = el(
      'div',
      { class: 'view' },
      this.#facts,
      el(
        'section',
        { class: 'card', 'aria-labelledby': 'actions-title' },
        el('h2', { id: 'actions-title' }, 'Draining'),
        this.#said,
        el('ul', { class: 'actions' }, ...ACTIONS.map((action) => this.#actionItem(action))),
      ),
      el(
        'section',
        { class: 'card', 'aria-labelledby': 'levels-title' },
        el('h2', { id: 'levels-title' }, 'Log levels'),
        el('div', { class: 'bar' }, this.#all, setAll),
        el(
          'table',
          { class: 'plain', 'aria-labelledby': 'levels-title' },
          el(
            'thead',
            {},
            el(
              'tr',
              {},
              el('th', { scope: 'col' }, 'Component'),
              el('th', { scope: 'col' }, 'Now'),
              el('th', { scope: 'col' }, 'Change to'),
            ),
          ),
          this.#levels,
        ),
      ),
      el('section', { class: 'card', 'aria-labelledby': 'commands-title' }, el('h2', { id: 'commands-title' }, 'As text'), this.#commands),
    );
    void this.#loadCommands();
    void this.#loadLevels();
  }

  update(store: Store): void {
    const { server } = store;
    if (server === null) return;
    this.#factItems.show(factsOf(server), ([name]) => name);
    this.#showLevels(server);
  }

  #showLevels(server: ServerPart): void {
    const names = new Set([...this.#components, ...Object.keys(server.logLevels)]);
    this.#levelRows.show(
      [...names].sort().map((name) => [name, server.logLevels[name] ?? server.logLevel] as const),
      ([name]) => name,
    );
  }

  #actionItem(action: Action): HTMLElement {
    return el(
      'li',
      {},
      button(`${action.act}…`, () => void this.#act(action)),
      el('span', { class: 'note' }, action.hint),
    );
  }

  async #act(action: Action): Promise<void> {
    if (await confirmed(action)) await this.#post(action.path, action.act);
  }

  async #setLevels(key: string, level: string, what: string): Promise<void> {
    const noisy = level === 'trace' || level === 'debug';
    const question = {
      title: 'Change log levels?',
      text: `This sets ${what}.${noisy ? ' The log then tells about every request, which costs time and may hold what requests carry.' : ''}`,
      act: 'Change',
    };
    if (await confirmed(question)) await this.#post(`logging?${encodeURIComponent(key)}=${level}`, `Set ${what}`);
  }

  async #post(path: string, what: string): Promise<void> {
    try {
      const response = await fetch(path, { method: 'POST' });
      const answer = (await response.text()).trim();
      setText(this.#said, response.ok ? `${what}: done.` : `${what}: refused, ${answer}`);
    } catch (error) {
      setText(this.#said, `${what}: the proxy could not be reached (${(error as Error).message}).`);
    }
  }

  #makeLevel(name: string): HTMLTableRowElement {
    const select = levelSelect(`New level of ${name}`);
    const set = button('Set', () => void this.#setLevels(name, select.value, `${name} to ${select.value}`), {
      'aria-label': `Set level of ${name}`,
    });
    return el('tr', {}, el('th', { scope: 'row' }, name), el('td'), el('td', {}, select, ' ', set));
  }

  /** Names of the components: the list of `/logging`, which is asked with POST since it can change them. */
  async #loadLevels(): Promise<void> {
    try {
      const response = await fetch('logging', { method: 'POST' });
      if (!response.ok) return;
      this.#components = [...(await response.text()).matchAll(/^ {2}(\S+): \S+$/gm)].map((match) => match[1]!);
    } catch {
      // Those that differ are known from the stream all the same.
    }
  }

  async #loadCommands(): Promise<void> {
    try {
      const text = await (await fetch('help')).text();
      for (const [, path = '', help = ''] of text.matchAll(/^ {2}\/(\S*): (.*)$/gm))
        if (path !== '') this.#commands.append(el('li', {}, el('a', { href: path }, `/${path}`), ` ${help}`));
    } catch {
      // A list of links is nothing to report about.
    }
  }
}

function levelSelect(label: string): HTMLSelectElement {
  const select = el('select', { 'aria-label': label });
  for (const level of LEVELS) select.append(el('option', { value: level }, level));
  select.value = 'info';
  return select;
}

function drawLevel(row: HTMLTableRowElement, level: string): void {
  const cell = row.children[1]!;
  if (cell.textContent === level) return;
  setText(cell, level);
  setAttribute(cell, 'class', level === 'trace' || level === 'debug' ? 'noisy' : '');
  row.querySelector('select')!.value = level;
}

function factsOf(server: ServerPart): (readonly [string, string])[] {
  const facts: (readonly [string, string])[] = [
    [
      'State',
      `${server.state}${server.draining ? ', draining listeners' : ''}${server.healthCheckFailed ? ', failing health checks' : ''}`,
    ],
    ['Version', server.version],
    ['Running for', duration(server.uptimeS)],
    ['Workers', count(server.concurrency)],
    ['Memory', bytes(server.memoryBytes)],
    ['Node', [server.nodeId, server.nodeCluster].filter((part) => part !== '').join(', in ') || 'no id'],
    ['Viewers of this page', count(server.viewers)],
    ['Slow is more than', milliseconds(server.slowMs)],
  ];
  if (server.waitingFor.length > 0) facts.splice(1, 0, ['Waiting for', server.waitingFor.join(', ')]);
  return facts;
}
