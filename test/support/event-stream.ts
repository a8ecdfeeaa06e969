/** Reads a stream of server-sent events with node's own client. */
import http from 'node:http';
import { until } from './poll.ts';

export interface ServerEvent {
  readonly event: string;
  readonly id: string;
  readonly data: unknown;
}

export class EventStream {
  readonly events: ServerEvent[] = [];
  ended = false;
  status = 0;
  #rest = '';
  readonly #request: http.ClientRequest;

  /** @param address "127.0.0.1:9901" */
  constructor(address: string, path: string) {
    this.#request = http.get(`http://${address}${path}`, { agent: false }, (response) => {
      this.status = response.statusCode!;
      response.setEncoding('utf8').on('data', (text: string) => this.#read(text));
      response.on('close', () => {
        this.ended = true;
      });
    });
    this.#request.on('error', () => {
      this.ended = true;
    });
  }

  /** The first event for which `find` has something. */
  find<T>(what: string, find: (event: ServerEvent) => T | null | undefined | false): Promise<T> {
    return until(what, () => {
      for (const event of this.events) {
        const found = find(event);
        if (found !== null && found !== undefined && found !== false) return found;
      }
      return null;
    }) as Promise<T>;
  }

  close(): void {
    this.#request.destroy();
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
      this.events.push({ event: fields.get('event') ?? '', id: fields.get('id') ?? '', data: JSON.parse(fields.get('data') ?? 'null') });
    }
  }
}
