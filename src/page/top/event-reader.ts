/** Cuts a stream of server-sent events into events, however its pieces fall. https://html.spec.whatwg.org/multipage/server-sent-events.html */

/** A snapshot of ten thousand clusters stays below this; more is no answer of ours. */
const MAX_CHARS = 64 << 20;

export class EventReader {
  readonly #onEvent: (event: string, data: string) => void;
  #pieces: string[] = [];
  #length = 0;

  constructor(onEvent: (event: string, data: string) => void) {
    this.#onEvent = onEvent;
  }

  /** @throws when an event has no end */
  read(text: string): void {
    // The blank line that ends an event may come in two pieces.
    if (this.#pieces.length > 0 && text.startsWith('\n') && this.#pieces[this.#pieces.length - 1]!.endsWith('\n')) {
      this.#finish('');
      text = text.slice(1);
    }
    let from = 0;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n', from)) {
      this.#finish(text.slice(from, end));
      from = end + 2;
    }
    if (from === text.length) return;
    this.#pieces.push(text.slice(from));
    this.#length += text.length - from;
    if (this.#length > MAX_CHARS) throw new Error('the answer is no stream of events');
  }

  #finish(last: string): void {
    const block = this.#pieces.join('') + last;
    this.#pieces = [];
    this.#length = 0;
    this.#event(block);
  }

  #event(block: string): void {
    let event = 'message';
    let data = '';
    for (const line of block.split('\n')) {
      if (line.startsWith('event: ')) event = line.slice(7);
      else if (line.startsWith('data: ')) data += line.slice(6);
    }
    if (data !== '') this.#onEvent(event, data);
  }
}
