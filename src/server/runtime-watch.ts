/**
 * Tells when a disk layer of the runtime was swapped. As in Envoy that is a rename onto its `symlink_root`: files that are changed in place
 * are not noticed, so a change of many values is seen as one.
 */
import type { FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import { fs } from '../runtime/node-module.ts';
import type { RuntimeLayerSettings } from './compiled.ts';

/** A rename is several events. */
const SETTLE_MS = 10;

export class RuntimeWatch implements TimerTarget {
  readonly #clock: Clock;
  readonly #onSwap: () => void;
  readonly #timer = new Timer(this, 0);
  #watchers: FSWatcher[] = [];

  constructor(clock: Clock, onSwap: () => void) {
    this.#clock = clock;
    this.#onSwap = onSwap;
  }

  /** Watches the disk layers among these, and no others any more. */
  watch(layers: readonly RuntimeLayerSettings[]): void {
    this.close();
    const roots = new Set(layers.flatMap((layer) => (layer.kind === 'disk' ? [layer.symlinkRoot] : [])));
    for (const root of roots) this.#watchRoot(root);
  }

  onTimer(): void {
    this.#onSwap();
  }

  close(): void {
    this.#clock.disarm(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #watchRoot(root: string): void {
    // With a slash at its end it is the directory in which things are swapped.
    const whole = root.endsWith('/');
    const name = whole ? null : basename(root);
    try {
      const watcher = fs.watch(whole ? root : dirname(root), { persistent: false }, (kind, file) => {
        if (kind !== 'rename' || (name !== null && file !== name)) return;
        if (!this.#timer.armed) this.#clock.arm(this.#timer, SETTLE_MS);
      });
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // A directory that is not there cannot be swapped: the layer is empty.
    }
  }
}
