/** `outrider top`: the live page on a terminal. */
import http from 'node:http';
import type { PageSnapshot, PageTick } from '../page/snapshot.ts';
import { EventReader } from '../page/top/event-reader.ts';
import { screen } from '../page/top/screen.ts';
import { TopState } from '../page/top/top-state.ts';
import { keysOf, TopView } from '../page/top/top-view.ts';
import { sleep } from '../runtime/sleep.ts';

export interface TopFlags {
  /** "127.0.0.1:9901". */
  readonly admin: string;
  /** One look, without a terminal's controls. */
  readonly once: boolean;
}

const PLAIN_WIDTH = 160;
const AGAIN_MS = 1000;
const ANSWER_MS = 10_000;
/** The other screen, without a cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/** @returns 0 ended by the user, 1 the proxy could not be asked */
export async function top(flags: TopFlags): Promise<number> {
  if (flags.once || process.stdout.isTTY !== true || process.stdin.isTTY !== true) return once(flags);
  return new Terminal(flags.admin).run();
}

async function once({ admin }: TopFlags): Promise<number> {
  try {
    const state = new TopState();
    state.snapshot(JSON.parse(await get(admin, '/api/v1/page')) as PageSnapshot);
    process.stdout.write(`${screen(state, new TopView().of(admin, PLAIN_WIDTH, 0, false)).join('\n')}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`outrider: ${admin}: ${words(error)}\n`);
    return 1;
  }
}

class Terminal {
  readonly #admin: string;
  readonly #state = new TopState();
  readonly #view = new TopView();
  #stream: http.ClientRequest | null = null;
  #ended = false;
  #end: (code: number) => void = () => undefined;

  constructor(admin: string) {
    this.#admin = admin;
  }

  run(): Promise<number> {
    const { stdin, stdout } = process;
    stdin.setRawMode(true);
    stdin.setEncoding('utf8');
    stdin.on('data', (input: string) => {
      for (const key of keysOf(input)) this.#key(key);
    });
    stdout.on('resize', () => this.#draw());
    const stop = () => this.#stop(0);
    process.once('SIGTERM', stop);
    process.once('SIGHUP', stop);
    stdout.write(ENTER);
    return new Promise((resolve) => {
      this.#end = (code) => {
        stdin.setRawMode(false);
        stdin.pause();
        stdout.write(LEAVE);
        resolve(code);
      };
      this.#draw();
      void this.#follow();
    });
  }

  #key(key: string): void {
    if (this.#ended) return;
    const done = this.#view.key(key, this.#state);
    if (done === 'quit') {
      this.#stop(0);
      return;
    }
    // The hosts of another cluster have to be asked for: the stream begins anew.
    if (done === 'detail') this.#stream?.destroy();
    this.#draw();
  }

  #stop(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream?.destroy();
    this.#end(code);
  }

  #draw(): void {
    if (this.#ended) return;
    const { columns = 80, rows = 24 } = process.stdout;
    const lines = screen(this.#state, this.#view.of(this.#admin, columns, rows, true));
    // Each line ends with the rest of it cleared: nothing flickers.
    process.stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
  }

  /** Reads one stream after the other, for as long as the user looks. */
  async #follow(): Promise<void> {
    while (!this.#ended) {
      const { detail } = this.#view;
      try {
        await this.#read(detail === '' ? '' : `?cluster=${encodeURIComponent(detail)}`);
        this.#view.problem = 'the proxy has ended the stream; asking again';
      } catch (error) {
        this.#view.problem = `${words(error)}; asking again`;
      }
      if (this.#view.detail !== detail) {
        this.#view.problem = '';
        continue;
      }
      this.#draw();
      await sleep(AGAIN_MS);
    }
  }

  /** Settles when the stream has ended. */
  #read(query: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = http.get(`${origin(this.#admin)}/api/v1/page/events${query}`, { agent: false, timeout: ANSWER_MS }, (response) => {
        if (response.statusCode !== 200) {
          response.resume();
          reject(new Error(`the proxy answered ${response.statusCode}`));
          return;
        }
        const reader = new EventReader((event, data) => this.#event(event, data));
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          try {
            reader.read(text);
          } catch (error) {
            request.destroy(error as Error);
          }
        });
        response.on('end', resolve);
        response.on('error', reject);
        response.on('close', resolve);
      });
      request.on('timeout', () => request.destroy(new Error('nothing has come for 10 s')));
      request.on('error', reject);
      request.on('close', resolve);
      this.#stream = request;
    });
  }

  #event(event: string, data: string): void {
    if (event === 'snapshot') this.#state.snapshot(JSON.parse(data) as PageSnapshot);
    else if (event === 'tick') this.#state.next(JSON.parse(data) as PageTick);
    else if (event === 'full') throw new Error('the proxy serves as many viewers as it may');
    this.#view.problem = '';
    this.#draw();
  }
}

function get(admin: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(`${origin(admin)}${path}`, { agent: false, timeout: ANSWER_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`the proxy answered ${response.statusCode}: ${body.trim()}`));
      });
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 10 s')));
    request.on('error', reject);
  });
}

function origin(admin: string): string {
  return `http://${admin}`;
}

/** A connection that is refused on all addresses has a message of its own for each, and none itself. */
function words(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message === '' ? (code ?? 'failed') : message;
}
