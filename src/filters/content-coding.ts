/** Compresses or decompresses one body on node:zlib: short ones at once, others on Node's thread pool, in order, without holding more than a bounded part. */
import type { BrotliOptions, ZlibOptions, ZstdOptions } from 'node:zlib';
import { keepChunk } from '../net/connection.ts';
import { nodeModule } from '../runtime/node-module.ts';

type Zlib = typeof import('node:zlib');

/** How zlib, brotli or zstd is to be set up; plain numbers, as the constants of node:zlib have them. */
export interface CodingSettings {
  /** As in content-encoding. */
  readonly encoding: 'gzip' | 'br' | 'zstd';
  readonly level: number;
  readonly windowBits: number;
  readonly memoryLevel: number;
  readonly strategy: number;
  readonly chunkSize: number;
  /** Brotli and zstd: values by the number of the parameter. */
  readonly parameters: Readonly<Record<number, number>>;
  /** zstd; null = none. */
  readonly dictionary: Uint8Array | null;
}

export interface CodingSink {
  onCoded(chunk: Buffer): void;
  /** Nothing follows. @param error code of node:zlib, e.g. "Z_DATA_ERROR"; '' = the body is whole */
  onCodingEnd(error: string): void;
  /** Counted: too much waits to be worked on. */
  hold(hold: boolean): void;
}

/** Bodies that are not larger are worked on at once: going to another thread and back costs more. */
const AT_ONCE_BYTES = 16_384;
/** Brotli beyond this quality is too slow for that. */
const FAST_BROTLI = 5;
const BROTLI_QUALITY = 1;

interface Stage {
  write(chunk: Buffer): boolean;
  end(): void;
  destroy(): void;
  readonly writableLength: number;
  on(event: string, listener: (argument: never) => void): unknown;
}

export class ContentCoder {
  readonly #settings: CodingSettings;
  readonly #decodes: boolean;
  readonly #sink: CodingSink;
  readonly #maxKept: number;
  #stage: Stage | null;
  #holding: boolean;
  #stopped: boolean;
  #anything: boolean;

  /** @param maxKept bytes that may wait before the sender is held back */
  constructor(settings: CodingSettings, decodes: boolean, sink: CodingSink, maxKept: number) {
    this.#settings = settings;
    this.#decodes = decodes;
    this.#sink = sink;
    this.#maxKept = maxKept;
    this.#stage = null;
    this.#holding = false;
    this.#stopped = false;
    this.#anything = false;
  }

  /** @param chunk borrowed */
  write(chunk: Buffer, end: boolean): void {
    if (this.#stopped) return;
    if (end && this.#stage === null && this.#atOnce(chunk)) return;
    const stage = (this.#stage ??= this.#start());
    if (chunk.length > 0) {
      this.#anything = true;
      stage.write(keepChunk(chunk));
      if (!this.#holding && stage.writableLength > this.#maxKept) {
        this.#holding = true;
        this.#sink.hold(true);
      }
    }
    if (end) this.#end(stage);
  }

  /** The body has ended; trailers follow. */
  end(): void {
    if (this.#stopped) return;
    this.#end((this.#stage ??= this.#start()));
  }

  /** Nothing is wanted any more. */
  stop(): void {
    this.#stopped = true;
    this.#stage?.destroy();
    this.#stage = null;
  }

  #end(stage: Stage): void {
    // A decoder that got nothing would call that an error.
    if (this.#decodes && !this.#anything) this.#finish('');
    else stage.end();
  }

  #atOnce(chunk: Buffer): boolean {
    const { encoding, parameters } = this.#settings;
    if (this.#decodes ? chunk.length > 0 : chunk.length > AT_ONCE_BYTES) return false;
    if (encoding === 'br' && (parameters[BROTLI_QUALITY] ?? 0) > FAST_BROTLI) return false;
    if (!this.#decodes) this.#sink.onCoded(this.#encodeSync(chunk));
    this.#finish('');
    return true;
  }

  #encodeSync(chunk: Buffer): Buffer {
    const zlib = nodeModule<Zlib>('node:zlib');
    switch (this.#settings.encoding) {
      case 'gzip':
        return zlib.gzipSync(chunk, this.#gzipOptions(zlib));
      case 'br':
        return zlib.brotliCompressSync(chunk, this.#brotliOptions(zlib));
      case 'zstd':
        return zlib.zstdCompressSync(chunk, this.#zstdOptions(zlib));
    }
  }

  #start(): Stage {
    const stage = this.#create(nodeModule<Zlib>('node:zlib')) as unknown as Stage;
    stage.on('data', (chunk: Buffer) => {
      if (this.#stopped) return;
      this.#sink.onCoded(chunk);
      this.#relax();
    });
    stage.on('drain', () => this.#relax());
    stage.on('end', () => this.#finish(''));
    stage.on('error', (error: NodeJS.ErrnoException) => this.#finish(error.code ?? 'ERROR'));
    return stage;
  }

  #create(zlib: Zlib): unknown {
    switch (this.#settings.encoding) {
      case 'gzip':
        return this.#decodes ? zlib.createGunzip(this.#gzipOptions(zlib)) : zlib.createGzip(this.#gzipOptions(zlib));
      case 'br':
        return this.#decodes
          ? zlib.createBrotliDecompress(this.#brotliOptions(zlib))
          : zlib.createBrotliCompress(this.#brotliOptions(zlib));
      case 'zstd':
        return this.#decodes ? zlib.createZstdDecompress(this.#zstdOptions(zlib)) : zlib.createZstdCompress(this.#zstdOptions(zlib));
    }
  }

  // What has come is passed on at once: every piece is flushed, and a message that streams is not kept back.

  #gzipOptions(zlib: Zlib): ZlibOptions {
    const { level, windowBits, memoryLevel, strategy, chunkSize } = this.#settings;
    const flush = zlib.constants.Z_SYNC_FLUSH;
    // A body that ends too early gives what it holds.
    if (this.#decodes) return { windowBits, chunkSize, flush, finishFlush: flush };
    return { level, windowBits, memLevel: memoryLevel, strategy, chunkSize, flush };
  }

  #brotliOptions(zlib: Zlib): BrotliOptions {
    const { chunkSize, parameters } = this.#settings;
    const flush = zlib.constants.BROTLI_OPERATION_FLUSH;
    return this.#decodes ? { chunkSize, flush, finishFlush: flush } : { chunkSize, params: { ...parameters }, flush };
  }

  #zstdOptions(zlib: Zlib): ZstdOptions {
    const { chunkSize, parameters, dictionary } = this.#settings;
    const flush = zlib.constants.ZSTD_e_flush;
    const options: ZstdOptions = this.#decodes ? { chunkSize, flush, finishFlush: flush } : { chunkSize, params: { ...parameters }, flush };
    if (dictionary !== null) (options as { dictionary?: Uint8Array }).dictionary = dictionary;
    return options;
  }

  #relax(): void {
    if (!this.#holding || this.#stage === null || this.#stage.writableLength > this.#maxKept / 2) return;
    this.#holding = false;
    this.#sink.hold(false);
  }

  #finish(error: string): void {
    if (this.#stopped) return;
    this.stop();
    if (this.#holding) {
      this.#holding = false;
      this.#sink.hold(false);
    }
    this.#sink.onCodingEnd(error);
  }
}
