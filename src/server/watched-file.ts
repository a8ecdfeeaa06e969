/**
 * Tells when a file may have changed. Like Envoy it watches the directory for renames, which is how ConfigMaps and careful writers
 * swap files; content that is the same as before is no change.
 */
import type { FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import { fs, nodeModule } from '../runtime/node-module.ts';

/** A swap is several events (unlink, symlink, rename): one look at them. Counted from the first, so that changes without a pause are seen. */
const SETTLE_MS = 20;

export class WatchedFile implements TimerTarget {
  readonly path: string;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #timer: Timer;
  readonly #directory: string;
  #watcher: FSWatcher | null;
  #digest: string;

  /** @param directory what to watch; '' = the file's own directory @param onChange the content is different from what was last seen */
  constructor(path: string, directory: string, clock: Clock, onChange: () => void) {
    this.path = path;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#timer = new Timer(this, 0);
    this.#digest = digest(path);
    this.#directory = directory === '' ? dirname(path) : directory;
    this.#watcher = null;
    this.watch();
  }

  /** False: its directory is not there. */
  get watching(): boolean {
    return this.#watcher !== null;
  }

  /** What is there now is no change: somebody has looked by themselves. */
  seen(): void {
    this.#digest = digest(this.path);
  }

  /** Again, for a directory that was not there before. */
  watch(): void {
    if (this.#watcher !== null) return;
    try {
      this.#watcher = fs.watch(this.#directory, { persistent: false }, () => {
        if (!this.#timer.armed) this.#clock.arm(this.#timer, SETTLE_MS);
      });
      this.#watcher.on('error', () => this.close());
    } catch {
      // A directory that is not there is reported by the first load of the file.
    }
  }

  onTimer(): void {
    const now = digest(this.path);
    if (now === this.#digest) return;
    this.#digest = now;
    this.#onChange();
  }

  close(): void {
    this.#clock.disarm(this.#timer);
    this.#watcher?.close();
    this.#watcher = null;
  }
}

function digest(path: string): string {
  try {
    // Loaded by the first file that is watched.
    const { createHash } = nodeModule<typeof import('node:crypto')>('node:crypto');
    return createHash('sha1').update(fs.readFileSync(path)).digest('base64');
  } catch {
    return '';
  }
}
