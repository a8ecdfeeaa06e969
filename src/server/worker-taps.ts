/** What `/tap` asks of this worker's tap filters. */
import type { TapSlot } from '../filters/api.ts';
import type { FromWorker } from './messages.ts';

class Slot implements TapSlot {
  settings: unknown = null;
  readonly emit: (trace: Uint8Array) => void;
  constructor(emit: (trace: Uint8Array) => void) {
    this.emit = emit;
  }
}

export class WorkerTaps {
  readonly #post: (message: FromWorker) => void;
  readonly #slots = new Map<string, Slot>();
  /** Also for filters that come later. */
  readonly #wanted = new Map<string, unknown>();

  constructor(post: (message: FromWorker) => void) {
    this.#post = post;
  }

  slot(configId: string): TapSlot {
    let slot = this.#slots.get(configId);
    if (slot === undefined) {
      slot = new Slot((trace) => this.#post({ kind: 'tap-trace', configId, trace }));
      slot.settings = this.#wanted.get(configId) ?? null;
      this.#slots.set(configId, slot);
    }
    return slot;
  }

  /** False if no filter has that id. @param settings null = nobody asks any more */
  set(configId: string, settings: unknown): boolean {
    if (settings === null) this.#wanted.delete(configId);
    else this.#wanted.set(configId, settings);
    const slot = this.#slots.get(configId);
    if (slot !== undefined) slot.settings = settings;
    return slot !== undefined;
  }
}
