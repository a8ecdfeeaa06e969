/** What `outrider top` shows and how keys change it. */
import { SORTS, type Sort, shownClusters, type View } from './screen.ts';
import type { TopState } from './top-state.ts';

export class TopView {
  sort: Sort = 'req/s';
  filter = '';
  typing = false;
  selected = 0;
  detail = '';
  problem = '';

  /** @returns 'quit' to end; 'detail' when another cluster is looked at alone, or none any more */
  key(key: string, state: TopState): 'quit' | 'detail' | 'drawn' {
    if (key === '\x03') return 'quit';
    if (this.typing) return this.#typed(key);
    switch (key) {
      case 'q':
        return 'quit';
      case 's':
        this.sort = SORTS[(SORTS.indexOf(this.sort) + 1) % SORTS.length]!;
        this.selected = 0;
        break;
      case '/':
        this.typing = this.detail === '';
        break;
      case '\x1b[A':
      case 'k':
        this.#move(-1, state);
        break;
      case '\x1b[B':
      case 'j':
        this.#move(1, state);
        break;
      case '\x1b[5~':
        this.#move(-10, state);
        break;
      case '\x1b[6~':
        this.#move(10, state);
        break;
      case '\r':
      case '\n':
      case '\x1b[C': {
        const part = shownClusters(state, this)[this.selected];
        if (this.detail !== '' || part === undefined) break;
        this.detail = part.name;
        return 'detail';
      }
      case '\x1b':
      case '\x7f':
      case '\x1b[D':
        if (this.detail === '') {
          this.filter = '';
          break;
        }
        this.detail = '';
        return 'detail';
      default:
    }
    return 'drawn';
  }

  of(admin: string, width: number, height: number, colors: boolean): View {
    const { sort, filter, typing, selected, detail, problem } = this;
    return { admin, width, height, colors, sort, filter, typing, selected, detail, problem };
  }

  #typed(key: string): 'drawn' {
    if (key === '\r' || key === '\n') this.typing = false;
    else if (key === '\x1b') {
      this.typing = false;
      this.filter = '';
    } else if (key === '\x7f' || key === '\b') this.filter = this.filter.slice(0, -1);
    else if (/^[\x20-\x7e]+$/.test(key)) this.filter += key;
    this.selected = 0;
    return 'drawn';
  }

  #move(by: number, state: TopState): void {
    const count = shownClusters(state, this).length;
    this.selected = Math.max(0, Math.min(count - 1, this.selected + by));
  }
}

/** Keys of what a terminal sends in one piece: sequences are one key each. */
export function keysOf(input: string): string[] {
  return input.match(/\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|[\s\S]/g)?.map((key) => key.replace(/^\x1bO/, '\x1b[')) ?? [];
}
