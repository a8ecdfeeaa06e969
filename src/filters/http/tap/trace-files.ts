/** A file for each trace, written without holding requests up. Source: envoy.config.tap.v3.FilePerTapSink. */
import type { Logger } from '../../../runtime/logger.ts';
import { fs } from '../../../runtime/node-module.ts';
import type { TapFormat } from './settings.ts';

const ENDINGS: Readonly<Record<TapFormat, string>> = {
  json_bytes: 'json',
  json_string: 'json',
  binary: 'pb',
  length_delimited: 'pb_length_delimited',
};
/** What waits for a slow disk; more is dropped. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

interface Write {
  readonly path: string;
  readonly bytes: Buffer;
}

export class TraceFiles {
  readonly #logger: Logger;
  readonly #waiting: Write[] = [];
  #waitingBytes = 0;
  #writing = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  write(prefix: string, id: bigint, format: TapFormat, bytes: Buffer): void {
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#logger.warn('a trace was dropped: the disk is too slow', { prefix });
      return;
    }
    this.#waiting.push({ path: `${prefix}_${id}.${ENDINGS[format]}`, bytes });
    this.#waitingBytes += bytes.length;
    if (!this.#writing) this.#next();
  }

  #next(): void {
    const write = this.#waiting.shift();
    this.#writing = write !== undefined;
    if (write === undefined) return;
    fs.appendFile(write.path, write.bytes, (error) => {
      this.#waitingBytes -= write.bytes.length;
      if (error !== null) this.#logger.error('a trace could not be written', { path: write.path, error: error.message });
      this.#next();
    });
  }
}
